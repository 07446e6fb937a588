"""Layers are removed, and nothing of anybody else: the same tests on FakeEngine and on docker compose."""

from __future__ import annotations

import pytest

from looma_cli.errors import (
    NotAllowed,
)
from looma_cli.model.tenant import LayerReference
from tests.contract.engine.stacks import ids, pair, single, states
from tests.contract.engines import (
    Rig,
    layer,
    new_installation,
    service,
)


def test_what_was_created_and_never_started_can_be_discarded_and_made_anew(rig: Rig, data: LayerReference) -> None:
    rendered = pair(rig, data)
    rig.engine.create(rendered)
    before = ids(rig, data)
    rig.engine.discard_unstarted(data)
    assert states(rig, data) == {}
    rig.engine.discard_unstarted(data)
    rig.engine.start(rendered)
    assert states(rig, data) == {"store": "running", "api": "running"}
    assert not set(before.values()) & set(ids(rig, data).values())
    rig.engine.discard_unstarted(data)
    rig.engine.stop(data)
    rig.engine.discard_unstarted(data)
    assert set(states(rig, data)) == {"store", "api"}


def test_remove_leaves_nothing_and_may_be_repeated(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(pair(rig, data))
    rig.engine.remove(data, volumes=True)
    assert rig.names(rig.installation) == set()
    rig.engine.remove(data, volumes=True)
    assert rig.names(rig.installation) == set()


def test_remove_may_keep_the_volumes(rig: Rig, data: LayerReference) -> None:
    rig.engine.start(pair(rig, data))
    rig.engine.remove(data, volumes=False)
    assert rig.names(rig.installation) == {f"{data.project}_kept"}


def test_remove_takes_only_its_own_generation_and_layer(rig: Rig, data: LayerReference) -> None:
    app, newer = LayerReference(data.tenant, "app", 1), LayerReference(data.tenant, "data", 2)
    for reference in (data, app, newer):
        rig.engine.create(single(rig, reference))
    rig.engine.remove(data, volumes=True)
    assert rig.names(rig.installation) == {app.project, f"{app.project}-api-1", newer.project, f"{newer.project}-api-1"}


def test_remove_leaves_the_same_tenant_of_another_installation(rig: Rig, data: LayerReference) -> None:
    other = new_installation()
    twin = rig.twin(data, other)
    rig.engine.start(single(rig, data))
    rig.engine.remove(data, volumes=True)
    assert rig.names(rig.installation) == set()
    assert rig.names(other) == {twin}


def test_remove_disconnects_its_own_app_layer_from_the_network(rig: Rig, data: LayerReference) -> None:
    app = LayerReference(data.tenant, "app", 1)
    rig.engine.start(single(rig, data))
    rig.engine.start(layer(rig, app, {"api": service()}, subnet=rig.free_subnet(), join=data.project))
    rig.engine.remove(data, volumes=True)
    assert [n.name for n in rig.engine.networks()] == [app.project]
    assert states(rig, app) == {"api": "running"}


def test_remove_says_which_stranger_holds_the_network(rig: Rig, data: LayerReference) -> None:
    name = f"stranger-{data.tenant}"
    rig.engine.start(single(rig, data))
    rig.stranger(name, network=data.project)
    with pytest.raises(NotAllowed, match=name):
        rig.engine.remove(data, volumes=True)
    rig.remove_stranger(name)
    rig.engine.remove(data, volumes=True)
    assert rig.names(rig.installation) == set()
