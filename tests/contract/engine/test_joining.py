"""A container on another layer's network: the same tests on FakeEngine and on docker compose."""

from __future__ import annotations

import pytest

from looma_cli.errors import NotFound
from looma_cli.model.layer import Workload
from looma_cli.model.tenant import LayerReference
from tests.contract.engine.stacks import single
from tests.contract.engines import Rig


def test_a_container_joins_another_layers_network_and_leaves_it(rig: Rig, data: LayerReference) -> None:
    other = LayerReference(data.tenant, "data", data.generation + 1)
    rig.engine.start(single(rig, data))
    rig.engine.start(single(rig, other))
    for _ in range(2):
        rig.engine.join(_of(rig, other), data.project)
        assert _of(rig, other).networks == (data.project, other.project)
    for _ in range(2):
        rig.engine.leave(_of(rig, other), data.project)
        assert _of(rig, other).networks == (other.project,)
    with pytest.raises(NotFound, match="no network"):
        rig.engine.join(_of(rig, other), "looma-nobody-data-g1")


def test_a_joined_container_keeps_no_layer_from_being_removed(rig: Rig, data: LayerReference) -> None:
    other = LayerReference(data.tenant, "data", data.generation + 1)
    rig.engine.start(single(rig, data))
    rig.engine.start(single(rig, other))
    joined = _of(rig, other)
    rig.engine.join(joined, data.project)
    rig.engine.remove(data, volumes=True)
    rig.engine.leave(joined, data.project)
    assert _of(rig, other).state == "running"
    rig.engine.remove(other, volumes=True)
    rig.engine.leave(joined, other.project)


def _of(rig: Rig, reference: LayerReference) -> Workload:
    (found,) = [one for one in rig.engine.workloads(reference.tenant) if one.reference == reference]
    return found
