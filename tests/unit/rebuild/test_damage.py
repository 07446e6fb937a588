"""What cannot be known any more is said, and the rest comes back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from looma_cli.errors import LoomaError, NotAllowed, OperationFailed
from looma_cli.model.layer import LABEL_TENANT_RECORD
from looma_cli.model.requests import UpdateRequest
from tests.unit.rebuild.traces import details, everything_on, rebuild, tenants
from tests.worlds import Machine


def stop_one(machine: Machine) -> None:
    machine.daemon.containers["looma-acme-app-g1-user-service-1"].state = "exited"


def remove_one(machine: Machine) -> None:
    del machine.daemon.containers["looma-acme-app-g1-user-service-1"]


def remove_network(machine: Machine) -> None:
    del machine.daemon.networks["looma-acme-app-g1"]


def forget_route(machine: Machine) -> None:
    machine.edge.remove("acme")


def freeze(machine: Machine) -> None:
    machine.edge.set_mode("acme", "frozen")


def rename(machine: Machine) -> None:
    container = machine.daemon.containers["looma-acme-app-g1-user-service-1"]
    record = {**json.loads(container.labels[LABEL_TENANT_RECORD]), "display_name": "Other"}
    container.labels = {**container.labels, LABEL_TENANT_RECORD: json.dumps(record)}


def forget_secret(machine: Machine) -> None:
    for container in machine.daemon.containers.values():
        container.files = {path: text for path, text in container.files.items() if path != "/run/secrets/mysql_password"}


def publish_nothing(machine: Machine) -> None:
    machine.daemon.containers["looma-acme-data-g1-redis-1"].ports = ()


@pytest.mark.parametrize(
    ("damage", "status", "said"),
    [
        (stop_one, "failed", "acme: 13 of 14 containers run; not running: user-service"),
        (remove_one, "failed", "acme: no container of user-service"),
        (remove_network, "failed", "acme: network looma-acme-app-g1 has 0 IPv4 subnets, or is not there"),
        (forget_route, "running", "acme: the edge has no route of it; looma tenant restart acme puts it back"),
        (freeze, "failed", "acme: its containers run, but its route is frozen: a change was interrupted"),
        (rename, "running", "acme: its containers differ in display_name: an update was interrupted; run looma tenant update"),
        (publish_nothing, "failed", "acme: redis publishes no port for 6379/tcp"),
        (forget_secret, "failed", "acme: no container holds secret mysql_password"),
    ],
)
def test_what_is_broken_is_said_and_the_rest_comes_back(
    machine: Machine, damage: Callable[[Machine], None], status: str, said: str
) -> None:
    damage(machine)
    machine.lose_state()
    report = rebuild(machine)
    assert said in details(report).splitlines()
    acme = tenants(machine)[0]
    assert (acme.name, acme.status, acme.display_name) == ("acme", status, "Acme 有限公司")
    assert {tenant.name for tenant in tenants(machine)} == {"acme", "globex"}


def test_a_failed_start_of_a_failed_tenant_keeps_its_volumes(machine: Machine) -> None:
    stop_one(machine)
    machine.lose_state()
    rebuild(machine)
    volumes = set(machine.daemon.volumes)
    looma = machine.looma()
    machine.engine.fail_on("start", LoomaError("no"), layer="app")
    with pytest.raises(OperationFailed):
        looma.tenants.start("acme")
    assert set(machine.daemon.volumes) == volumes
    assert looma.tenants.start("acme").status == "running"  # type: ignore[union-attr]


@pytest.mark.parametrize("damage", [forget_secret, remove_network, publish_nothing])
def test_what_cannot_be_rendered_is_refused_and_can_be_deleted(machine: Machine, damage: Callable[[Machine], None]) -> None:
    damage(machine)
    machine.lose_state()
    rebuild(machine)
    there, looma = everything_on(machine), machine.looma()
    with pytest.raises(OperationFailed):
        looma.tenants.start("acme")
    with pytest.raises(NotAllowed):
        looma.tenants.update(UpdateRequest("acme", settings={"B": "2"}))
    assert everything_on(machine) == there
    looma.tenants.delete("acme", backup=False)
    assert [name for name in machine.left_on_engine() if "acme" in name] == []


def unread_record(machine: Machine) -> None:
    for container in machine.daemon.containers.values():
        container.labels = {**container.labels, LABEL_TENANT_RECORD: "{"}


def lose_layer(machine: Machine) -> None:
    for name in [name for name in machine.daemon.containers if "-data-" in name]:
        del machine.daemon.containers[name]


def unknown_edition(machine: Machine) -> None:
    for container in machine.daemon.containers.values():
        container.labels = {**container.labels, "looma.edition": "gone"}


def two_generations(machine: Machine) -> None:
    for container in machine.daemon.containers.values():
        if container.service == "user-service":
            container.labels = {**container.labels, "looma.generation": "2"}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (unread_record, "has no readable label looma.record"),
        (lose_layer, "it has no data layer: which one is meant was in the lost state only"),
        (unknown_edition, "there is no edition"),
        (two_generations, "generations 1, 2 of its app layer are there"),
    ],
)
def test_what_cannot_be_read_is_left_alone_and_said(machine: Machine, damage: Callable[[Machine], None], said: str) -> None:
    damage(machine)
    there = everything_on(machine)
    machine.lose_state()
    report = rebuild(machine)
    assert report.rebuilt == ()
    assert [remark.tenant for remark in report.skipped] == ["acme", "globex"]
    assert all(said in line for line in details(report).splitlines())
    assert machine.looma().tenants.list() == []
    assert everything_on(machine) == there


def test_a_lost_override_is_said(machine: Machine) -> None:
    override = machine.home / "stacks/acme/override.yaml"
    override.write_text("services: {extra: {image: looma/base:bookworm}}\n")
    machine.looma().tenants.update(UpdateRequest("acme"))
    override.unlink()
    machine.lose_state()
    assert details(rebuild(machine)) == "acme: it was deployed with an override.yaml, which is not in the stacks folder any more"


def test_a_tenant_that_somebody_is_changing_is_left_to_them(machine: Machine) -> None:
    machine.lose_state()
    world = machine.world()
    with world.leases.hold("tenant:acme", None, "tenant.create"):
        report = rebuild(machine)
    assert [tenant.name for tenant in report.rebuilt] == ["globex"]
    assert [remark.tenant for remark in report.problems] == ["acme"]
    assert "tenant.create" in details(report)
