"""Workloads, volumes, networks and ports as the engine lists them: the same tests on FakeEngine and on docker compose."""

from __future__ import annotations

from looma_cli.model.tenant import LayerReference
from tests.contract.engine.stacks import pair, single
from tests.contract.engines import (
    IMAGE,
    Rig,
    new_installation,
    new_tenant,
)


def test_a_workload_says_whose_it_is_and_what_it_publishes(rig: Rig, data: LayerReference) -> None:
    port = rig.free_port()
    rig.engine.start(single(rig, data, port))
    (found,) = rig.engine.workloads(data.tenant)
    assert found.reference == data
    assert (found.name, found.component, found.image) == (f"{data.project}-api-1", "api", IMAGE)
    assert found.ports == (("127.0.0.1", port, 80),)
    assert (found.exit_code, found.out_of_memory, found.restarts) == (None, False, 0)
    assert found.labels["looma.installation"] == rig.installation


def test_workloads_and_volumes_of_one_tenant_only(rig: Rig, data: LayerReference) -> None:
    other = LayerReference(new_tenant(), "data", 1)
    rig.engine.create(pair(rig, data))
    rig.engine.create(pair(rig, other))
    assert {w.reference for w in rig.engine.workloads()} == {data, other}
    assert {w.reference for w in rig.engine.workloads(other.tenant)} == {other}
    assert {v.labels["looma.tenant"] for v in rig.engine.volumes()} == {data.tenant, other.tenant}
    assert {v.labels["looma.tenant"] for v in rig.engine.volumes(other.tenant)} == {other.tenant}
    assert rig.engine.workloads("nobody") == []


def test_networks_of_this_installation_or_of_everyone(rig: Rig, data: LayerReference) -> None:
    twin = rig.twin(data, new_installation())
    wanted = single(rig, data)
    rig.engine.create(wanted)
    (own,) = rig.engine.networks()
    assert own.name == data.project
    assert own.cidrs[0] in wanted.manifest
    assert {data.project, twin} <= {n.name for n in rig.engine.networks(everyones=True)}


def test_ports_of_stopped_and_foreign_containers_count_as_published(rig: Rig, data: LayerReference) -> None:
    stopped, created, foreign = rig.free_port(), rig.free_port(), rig.free_port()
    app = LayerReference(data.tenant, "app", 1)
    rig.engine.start(single(rig, data, stopped))
    rig.engine.stop(data, timeout_seconds=1)
    rig.engine.create(single(rig, app, created))
    rig.stranger(f"stranger-{data.tenant}", port=foreign)
    assert {("127.0.0.1", port, "tcp") for port in (stopped, created, foreign)} <= set(rig.engine.published_ports())
