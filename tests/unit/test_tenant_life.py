"""The life of a tenant through the real use cases, on fakes: what is there afterwards, and what is not."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from looma_cli.errors import (
    AlreadyExists,
    Conflict,
    EngineUnavailable,
    Held,
    ImageUnavailable,
    InvalidValue,
    NoFreePorts,
    NoFreeSubnet,
    NotAllowed,
    NotFound,
    OperationFailed,
    Paused,
    PortTaken,
)
from looma_cli.model.operation import Plan
from looma_cli.model.requests import UpdateRequest
from tests.worlds import Machine, lite


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def containers(machine: Machine, state: str = "running") -> set[str]:
    return {c.service for c in machine.daemon.containers.values() if c.state == state and c.service != "init" and c.project}


def nothing_left(machine: Machine) -> bool:
    return not (machine.left_on_engine() or machine.left_in_state() or machine.left_in_files())


def test_create_leaves_a_running_healthy_routed_tenant(machine: Machine) -> None:
    tenant: Any = machine.looma().tenants.create(lite(hostname="acme.example.com"))
    assert tenant.status == "running"
    assert tenant.url == "http://127.0.0.1:30000"
    assert {"basic-server", "user-service", "mysql", "redis", "postgresql", "prometheus"} <= containers(machine)
    assert "neo4j" not in containers(machine)
    assert machine.edge.answer(30000, "/info").service == "basic-server"  # type: ignore[union-attr]
    assert machine.edge.answer(80, "/user-service/info", host="acme.example.com").service == "user-service"  # type: ignore[union-attr]
    assert machine.looma().health.check(["acme"]).healthy
    assert {port.state for port in tenant.ports} == {"bound"}
    assert all(port.canonical and port.address == "127.0.0.1" for port in tenant.ports)
    assert [operation.status for operation in machine.looma().operations.list(all=True)] == ["done"]


def test_the_second_stack_of_an_edition_gets_a_block(machine: Machine) -> None:
    machine.looma().tenants.create(lite("first"))
    second: Any = machine.looma().tenants.create(lite("second"))
    numbers = [port.host_port for port in second.ports]
    assert numbers == list(range(20000, 20000 + len(numbers)))
    assert second.public_port == 30001
    first = machine.looma().tenants.show("first")
    assert not {p.host_port for p in first.ports} & set(numbers)
    assert not {s.cidr for s in first.subnets} & {s.cidr for s in second.subnets}


def test_delete_leaves_nothing(machine: Machine) -> None:
    machine.looma().tenants.create(lite())
    machine.looma().tenants.delete("acme", backup=False)
    assert nothing_left(machine)
    assert machine.edge.answer(30000) is None
    assert machine.looma().operations.list() == []


def test_delete_of_one_of_two_leaves_the_other_alone(machine: Machine) -> None:
    machine.looma().tenants.create(lite("first"))
    machine.looma().tenants.create(lite("second"))
    machine.looma().tenants.delete("first", backup=False)
    assert machine.looma().health.check(["second"]).healthy
    assert all("first" not in name for name in machine.left_on_engine())


def test_delete_asks_for_the_flag_until_there_are_backups(machine: Machine) -> None:
    machine.looma().tenants.create(lite())
    with pytest.raises(NotAllowed) as caught:
        machine.looma().tenants.delete("acme", backup=True)
    assert "--no-backup" in caught.value.hint
    assert machine.looma().health.check(["acme"]).healthy


def test_stop_start_restart(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    volumes = dict(machine.daemon.volumes)
    assert looma.tenants.stop("acme").status == "stopped"  # type: ignore[union-attr]
    assert containers(machine) == set()
    assert machine.edge.answer(30000).status == 503  # type: ignore[union-attr]
    assert looma.tenants.start("acme").status == "running"  # type: ignore[union-attr]
    assert looma.tenants.restart("acme").status == "running"  # type: ignore[union-attr]
    assert looma.health.check(["acme"]).healthy
    assert machine.daemon.volumes == volumes


def test_suspend_and_resume_at_the_edge_only(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    before = containers(machine)
    assert looma.tenants.suspend("acme").status == "suspended"  # type: ignore[union-attr]
    assert machine.edge.answer(30000).status == 503  # type: ignore[union-attr]
    assert containers(machine) == before
    assert looma.health.check(["acme"]).healthy
    assert looma.tenants.resume("acme").status == "running"  # type: ignore[union-attr]
    assert machine.edge.answer(30000).status == 200  # type: ignore[union-attr]


def test_verbs_twice_do_nothing_the_second_time(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    for verb in ("stop", "start", "suspend", "resume"):
        getattr(looma.tenants, verb)("acme")
        operations = len(looma.operations.list(all=True))
        getattr(looma.tenants, verb)("acme")
        assert len(looma.operations.list(all=True)) == operations, verb


def test_create_again(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite(start=False))
    assert looma.tenants.create(lite(start=False)).status == "created"  # type: ignore[union-attr]
    assert looma.tenants.create(lite()).status == "running"  # type: ignore[union-attr]
    count = len(looma.operations.list(all=True))
    assert looma.tenants.create(lite()).status == "running"  # type: ignore[union-attr]
    assert len(looma.operations.list(all=True)) == count
    with pytest.raises(AlreadyExists, match="edition"):
        looma.tenants.create(lite(edition="pro"))
    with pytest.raises(AlreadyExists, match="set"):
        looma.tenants.create(lite(settings={"A": "b"}))


def test_no_start_needs_no_engine(machine: Machine) -> None:
    machine.daemon.answers = False
    tenant: Any = machine.looma().tenants.create(lite(start=False))
    assert tenant.status == "created"
    assert machine.left_in_files() != []
    machine.looma().tenants.delete("acme", backup=False)
    assert not machine.left_in_state()


def test_without_an_engine_nothing_is_touched(machine: Machine) -> None:
    machine.daemon.answers = False
    with pytest.raises(EngineUnavailable):
        machine.looma().tenants.create(lite())
    assert nothing_left(machine)
    assert machine.looma().operations.list(all=True) == []


def test_dry_run_changes_nothing(machine: Machine) -> None:
    plan: Any = machine.looma().tenants.create(lite(), dry_run=True)
    assert isinstance(plan, Plan)
    assert plan.steps[0].name == "reserve-tenant"
    assert plan.pivot == len(plan.steps) - 1
    assert any("127.0.0.1:8000->8000" in line for line in plan.changes)
    assert nothing_left(machine)
    machine.looma().tenants.create(lite())
    before = (machine.left_on_engine(), machine.left_in_state(), machine.left_in_files())
    for verb in ("stop", "restart", "suspend"):
        assert isinstance(getattr(machine.looma().tenants, verb)("acme", dry_run=True), Plan)
    assert isinstance(machine.looma().tenants.delete("acme", backup=False, dry_run=True), Plan)
    assert (machine.left_on_engine(), machine.left_in_state(), machine.left_in_files()) == before


def test_a_component_that_never_becomes_healthy_is_put_back(machine: Machine) -> None:
    machine.engine.unhealthy.add("user-service")
    with pytest.raises(OperationFailed, match="user-service"):
        machine.looma().tenants.create(lite())
    assert nothing_left(machine)
    machine.engine.unhealthy.clear()
    assert machine.looma().tenants.create(lite()).status == "running"  # type: ignore[union-attr]


def test_a_component_that_exits_is_named_with_its_exit_code(machine: Machine) -> None:
    machine.engine.exits["job-service"] = 3
    with pytest.raises(OperationFailed, match=r"job-service.*3"):
        machine.looma().tenants.create(lite())
    assert nothing_left(machine)


def test_a_missing_local_image_says_how_to_build_it(machine: Machine) -> None:
    machine.daemon.images = set()
    with pytest.raises(OperationFailed, match="image") as caught:
        machine.looma().tenants.create(lite())
    assert "looma image build" in caught.value.hint
    assert nothing_left(machine)


def test_an_image_that_cannot_be_pulled(machine: Machine) -> None:
    machine.daemon.images = set()
    with pytest.raises((OperationFailed, ImageUnavailable)):
        machine.looma(images="registry").tenants.create(lite())
    assert nothing_left(machine)


def test_a_port_that_the_engine_refuses_is_noted_and_planned_around(machine: Machine) -> None:
    machine.engine.fail_on("start", PortTaken("port 8003 is already allocated", port=8003, address="127.0.0.1"))
    tenant: Any = machine.looma().tenants.create(lite())
    assert tenant.status == "running"
    assert all(not port.canonical for port in tenant.ports)
    states = {row.host_port: row.state for row in machine.looma().ports.list()}
    assert states[8003] == "quarantined"
    assert sorted(o.status for o in machine.looma().operations.list(all=True)) == ["done", "failed"]


def test_foreign_listeners_move_the_stack_into_a_block(machine: Machine) -> None:
    machine.daemon.foreign_ports.add(("0.0.0.0", 8003))
    tenant: Any = machine.looma().tenants.create(lite())
    assert all(not port.canonical for port in tenant.ports)
    with pytest.raises(Conflict, match="8003"):
        machine.looma().tenants.create(lite("other", "basic", ports="canonical"))


def test_edge_ports_fall_back_when_80_is_taken(machine: Machine) -> None:
    machine.daemon.foreign_ports.update({("0.0.0.0", 80), ("0.0.0.0", 443)})
    machine.looma().tenants.create(lite(hostname="acme.example.com"))
    edge = {row.component: row.host_port for row in machine.looma().ports.list() if row.tenant is None}
    assert set(edge) == {"http", "https"}
    assert not {80, 443} & set(edge.values())
    assert machine.edge.answer(edge["http"], host="acme.example.com").status == 200  # type: ignore[union-attr]


def test_no_block_and_no_subnet_left(tmp_path: Path) -> None:
    small = Machine(tmp_path / "ports", {"LOOMA_PORT_RANGE": "20000-20005"})
    with pytest.raises(NoFreePorts):
        small.looma().tenants.create(lite(ports="block"))
    assert nothing_left(small)
    tight = Machine(tmp_path / "subnets", {"LOOMA_SUBNET_POOL": "10.192.0.0/26"})
    with pytest.raises(NoFreeSubnet):
        tight.looma().tenants.create(lite())
    assert nothing_left(tight)


def test_a_hostname_belongs_to_one_tenant(machine: Machine) -> None:
    machine.looma().tenants.create(lite("first", hostname="a.example.com"))
    with pytest.raises(AlreadyExists, match=r"a\.example\.com"):
        machine.looma().tenants.create(lite("second", hostname="a.example.com"))
    assert [t.name for t in machine.looma().tenants.list()] == ["first"]
    assert all("second" not in name for name in [*machine.left_on_engine(), *machine.left_in_files()])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"edition": "platinum"}, NotFound),
        ({"release": "99.0.0"}, NotFound),
        ({"host": "mars"}, NotFound),
        ({"profile": "tiny"}, InvalidValue),
        ({"edition": "looma-core"}, InvalidValue),
        ({"tls_certificate": "x"}, InvalidValue),
    ],
)
def test_unknown_things_are_refused_before_anything_is_touched(machine: Machine, change: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        machine.looma().tenants.create(lite(**change))
    assert nothing_left(machine)
    assert machine.looma().operations.list(all=True) == []


def test_unknown_tenants(machine: Machine) -> None:
    looma = machine.looma()
    for verb in (looma.tenants.show, looma.tenants.stop, looma.tenants.start, looma.tenants.restart, looma.tenants.suspend):
        with pytest.raises(NotFound):
            verb("nobody")
    with pytest.raises(NotFound):
        looma.health.check(["nobody"])


def test_update_of_a_running_tenant(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    updated: Any = looma.tenants.update(UpdateRequest("acme", hostname="new.example.com", settings={"GREETING": "你好 $HOME {{ x }}"}))
    assert updated.hostname == "new.example.com"
    assert dict(updated.settings) == {"GREETING": "你好 $HOME {{ x }}"}
    assert machine.edge.answer(80, host="new.example.com").status == 200  # type: ignore[union-attr]
    assert "GREETING" in looma.stacks.render("acme")["app-g1/compose.yaml"]
    assert looma.stacks.render("acme", diff=True) == {}
    assert not [name for name in machine.left_in_files() if name.endswith(".previous")]
    again: Any = looma.tenants.update(UpdateRequest("acme", hostname=None, unset=("GREETING",)))
    assert again.hostname is None
    assert dict(again.settings) == {}


def test_a_failed_update_puts_record_files_and_route_back(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite(hostname="old.example.com", settings={"A": "1"}))
    before = looma.stacks.render("acme")
    machine.engine.fail_on("start", OperationFailed("the engine said no"), layer="app")
    with pytest.raises(OperationFailed):
        looma.tenants.update(UpdateRequest("acme", hostname="new.example.com", settings={"A": "2"}))
    tenant = looma.tenants.show("acme")
    assert (tenant.hostname, dict(tenant.settings), tenant.status) == ("old.example.com", {"A": "1"}, "running")
    assert looma.stacks.render("acme") == before
    assert looma.stacks.render("acme", diff=True) == {}
    assert machine.edge.answer(80, host="old.example.com").status == 200  # type: ignore[union-attr]
    assert looma.health.check(["acme"]).healthy


def test_a_larger_profile_adds_components_and_a_smaller_one_is_refused(machine: Machine) -> None:
    machine.environment["LOOMA_IMAGES"] = "registry"
    looma = machine.looma()
    looma.tenants.create(lite())
    looma.tenants.update(UpdateRequest("acme", profile="full"))
    assert {"neo4j", "elasticsearch", "consul", "grafana"} <= containers(machine)
    with pytest.raises(NotAllowed, match="neo4j"):
        looma.tenants.update(UpdateRequest("acme", profile="lite"))


def test_an_interrupted_create_is_named_with_the_way_on(machine: Machine) -> None:
    machine.engine.fail_on("start", EngineUnavailable("the engine went away"), layer="app")
    with pytest.raises(Paused) as paused:
        machine.looma().tenants.create(lite())
    operation = paused.value.details["operation"]
    for again in (lambda: machine.looma().tenants.create(lite()), lambda: machine.looma().tenants.delete("acme", backup=False)):
        with pytest.raises(Held) as held:
            again()
        assert f"looma operation resume {operation}" in held.value.hint
    assert machine.looma().operations.resume(operation).status == "done"
    assert machine.looma().health.check(["acme"]).healthy


def test_an_interrupted_create_can_be_rolled_back(machine: Machine) -> None:
    machine.engine.fail_on("start", EngineUnavailable("the engine went away"), layer="app")
    with pytest.raises(Paused) as paused:
        machine.looma().tenants.create(lite())
    assert machine.looma().operations.rollback(paused.value.details["operation"]).status == "rolled_back"
    assert nothing_left(machine)


def test_a_living_holder_is_named(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    with machine.world().leases.hold("tenant:acme", "op-other", "tenant.restart"), pytest.raises(Held) as held:
        looma.tenants.stop("acme")
    assert held.value.exit_code == 4
    assert looma.tenants.show("acme").status == "running"


def test_batch_goes_on_past_a_bad_line(machine: Machine) -> None:
    rows = [
        (1, lite("one", start=False)),
        (2, InvalidValue("bad")),
        (3, lite("three", "nonsense", start=False)),
        (4, lite("four", start=False)),
    ]
    results = list(machine.looma().tenants.create_many(rows))
    assert [(r.line, r.name, r.error is None) for r in results] == [
        (1, "one", True),
        (2, "", False),
        (3, "three", False),
        (4, "four", True),
    ]
    assert [t.name for t in machine.looma().tenants.list()] == ["four", "one"]


def test_secrets_are_never_in_files_or_on_the_engine_in_plain_text(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    world = machine.world()
    with world.store.read() as state:
        secrets = [world.vault.open(sealed) for sealed in state.secrets("acme").values()]
    assert len(secrets) >= 4
    texts = [Path(name).read_text() for name in machine.left_in_files()] + [
        str(c.labels) + str(c.command) for c in machine.daemon.containers.values()
    ]
    assert not [s for s in secrets for text in texts if s in text]
    raw = subprocess.run(["strings", "-n", "16", str(machine.home / "looma.db")], capture_output=True, text=True, check=False).stdout
    assert not [s for s in secrets if s in raw]


def test_audit_sees_what_is_only_on_one_side(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    assert looma.state.audit().ok
    name = next(n for n, c in machine.daemon.containers.items() if c.service == "user-service")
    gone = machine.daemon.containers.pop(name)
    report = looma.state.audit()
    assert [finding.name for finding in report.missing] == ["looma-acme-app-g1/user-service"]
    machine.daemon.containers[name] = gone
    machine.edge.remove("acme")
    assert [finding.kind for finding in looma.state.audit().missing] == ["route"]


def test_platform_stack_by_the_same_machinery(machine: Machine) -> None:
    looma = machine.looma()
    core: Any = looma.core.up()
    assert core.status == "running"
    assert core.platform
    assert looma.tenants.list() == []
    assert "nginx" not in containers(machine)
    assert looma.core.down().status == "stopped"  # type: ignore[union-attr]
    assert looma.core.up().status == "running"  # type: ignore[union-attr]
    looma.core.down(volumes=True)
    assert nothing_left(machine)
    with pytest.raises(NotFound):
        looma.core.status()
