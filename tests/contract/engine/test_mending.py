"""What is left of a layer after something went wrong: the same tests on FakeEngine and on docker compose."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from looma_cli.errors import NotAllowed
from looma_cli.model.layer import RenderedLayer
from looma_cli.model.tenant import LayerReference
from tests.contract.engine.stacks import pair, states
from tests.contract.engines import Rig, layer, new_tenant, service


def moved_to(subnet: str, rendered: RenderedLayer) -> RenderedLayer:
    """The layer on another subnet."""
    document = json.loads(rendered.manifest)
    document["networks"]["default"]["ipam"]["config"][0]["subnet"] = subnet
    return replace(rendered, manifest=json.dumps(document))


@pytest.mark.parametrize("moves", [False, True], ids=["on its subnet", "on another subnet"])
def test_a_layer_whose_network_was_removed_while_it_stood_still_starts_again(rig: Rig, data: LayerReference, moves: bool) -> None:
    app = LayerReference(data.tenant, "app", 1)
    below = pair(rig, data)
    above = layer(rig, app, {"api": service()}, subnet=rig.free_subnet(), join=data.project)
    for one in (below, above):
        rig.engine.start(one)
    for reference in (app, data):
        rig.engine.stop(reference)
        rig.prune(reference.project)
    for one in (moved_to(rig.free_subnet(), below) if moves else below, above):
        rig.engine.start(one)
    assert states(rig, data) == {"store": "running", "api": "running"}
    assert states(rig, app) == {"api": "running"}
    assert {network.name for network in rig.engine.networks()} == {data.project, app.project}
    assert f"{data.project}_kept" in rig.names(rig.installation)


def test_single_volumes_are_removed_only_where_they_are_the_tenants_own(rig: Rig, data: LayerReference) -> None:
    other = LayerReference(new_tenant(), "data", 1)
    for reference in (data, other):
        rig.engine.create(pair(rig, reference))
    own, foreign = (f"{reference.project}_kept" for reference in (data, other))
    with pytest.raises(NotAllowed):
        rig.engine.remove_volumes(data.tenant, [own])
    rig.engine.remove(data, volumes=False)
    for _ in ("first", "again"):
        rig.engine.remove_volumes(data.tenant, [own, foreign, "absent"])
        assert [volume.name for volume in rig.engine.volumes()] == [foreign]
