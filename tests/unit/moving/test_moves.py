"""Moves to another host and back, run on fakes: where the tenant is afterwards, who answers at the old address, and what is left."""

from __future__ import annotations

import pytest

from looma_cli.errors import Conflict, HostUnreachable, LoomaError, NotAllowed, NotFound, OperationFailed, Paused, PortTaken
from looma_cli.model.move import MoveRequest
from looma_cli.model.operation import Plan, measured
from looma_cli.model.tenant import Tenant
from tests.stored import fill, held
from tests.worlds import Machine, lite

BEFORE = {store: {"a": "1", "b": "2"} for store in ("mysql", "redis", "postgresql")}
PORT = 30000


def request(host: str = "b", **more: object) -> MoveRequest:
    return MoveRequest("acme", host, **more)  # type: ignore[arg-type]


def acme(machine: Machine) -> Tenant:
    return machine.looma().tenants.show("acme")


def kept(machine: Machine) -> list[tuple[str, str]]:
    with machine.world().store.read() as state:
        return sorted((one.host, one.reference.project) for one in state.kept_layers())


def assert_serves(machine: Machine, host: str, rows: dict[str, dict[str, str]] = BEFORE, port: int = PORT) -> None:
    """Wholly on that host: record, route, containers, data, and nothing that follows, waits or relays."""
    tenant = acme(machine)
    assert (tenant.host, tenant.status, tenant.public_port) == (host, "running", port)
    assert held(machine, "acme") == rows
    where, answer = machine.ask(host, port, method="POST")
    assert answer is not None
    assert (where, answer.status, answer.service) == (host, 200, machine.catalog.edition("basic").entry)
    assert machine.looma().health.check(["acme"]).healthy
    audit = machine.looma().state.audit()
    assert (audit.missing, audit.unknown) == ((), ())
    assert machine.stores.held == []
    assert machine.stores.replication.prepared == set()
    relays = [name for site in ("local", *machine.sites) for name in machine.daemon_of(site).containers if name.endswith("-relay")]
    assert relays == []


def test_a_move_brings_everything_along(machine: Machine) -> None:
    operation = machine.looma().moves.move(request())
    assert operation.status == "done"
    assert_serves(machine, "b")
    tenant = acme(machine)
    assert (tenant.data_generation, tenant.app_generation, tenant.url) == (2, 2, "http://10.0.0.2:30000")
    assert kept(machine) == [("local", "looma-acme-app-g1"), ("local", "looma-acme-data-g1")]
    assert {w.state for w in machine.engine.workloads("acme")} == {"exited"}
    assert "write_freeze_ms" in measured(operation)


def test_the_old_address_goes_on_reading_and_writing(machine: Machine) -> None:
    machine.looma().moves.move(request())
    for method in ("GET", "POST"):
        where, answer = machine.ask("local", PORT, "/user-service/x", method)
        assert answer is not None
        assert (where, answer.status, answer.service, answer.path) == ("b", 200, "user-service", "/x")


def test_without_forwarding_the_old_address_says_that_it_has_moved(machine: Machine) -> None:
    machine.looma().moves.move(request(forward=False))
    assert_serves(machine, "b")
    answer = machine.edge.answer(PORT)
    assert answer is not None
    assert (answer.status, answer.body) == (503, "moved")


def test_what_is_written_while_the_new_stores_follow_comes_along(machine: Machine) -> None:
    written: list[str] = []

    def write() -> None:
        for store in BEFORE:
            machine.stores.write(f"looma-acme-data-g1_{store}-data", "records", "late")
        written.append(machine.edge.mode("acme"))

    machine.edge.on_settle = write  # what is under way when the freeze begins
    machine.looma().moves.move(request())
    assert written == ["frozen"]
    assert_serves(machine, "b", {store: {**rows, "late": "x"} for store, rows in BEFORE.items()})


def test_a_suspended_tenant_stays_suspended(machine: Machine) -> None:
    machine.looma().tenants.suspend("acme")
    machine.looma().moves.move(request())
    assert acme(machine).status == "suspended"
    for host in ("local", "b"):
        where, answer = machine.ask(host, PORT)
        assert answer is not None
        assert (where, answer.status, answer.body) == ("b", 503, "suspended")
    machine.looma().tenants.resume("acme")
    assert_serves(machine, "b")


def test_a_dry_run_changes_nothing(machine: Machine) -> None:
    before = machine.left_on_engine(), machine.left_on_engine("b"), machine.left_in_state(), machine.left_in_files()
    plan = machine.looma().moves.move(request(), dry_run=True)
    assert isinstance(plan, Plan)
    assert "~ acme: local -> b" in plan.changes
    assert (machine.left_on_engine(), machine.left_on_engine("b"), machine.left_in_state(), machine.left_in_files()) == before


def test_finalize_lets_go_of_the_old_host(machine: Machine) -> None:
    machine.looma().moves.move(request())
    machine.looma().switches.finalize("acme")
    assert kept(machine) == []
    assert machine.left_on_engine() == []
    assert machine.edge.answer(PORT) is None
    assert_serves(machine, "b")
    with machine.world().store.read() as state:
        assert state.allocations(host="local") == []


def test_an_edge_that_passes_on_stays_when_the_host_loses_its_last_tenant(machine: Machine) -> None:
    machine.looma().tenants.create(lite("zeta", host="local"))
    machine.looma().moves.move(request())
    machine.looma().tenants.delete("zeta", backup=False)
    assert machine.ask("local", PORT)[0] == "b"


def test_a_move_back_while_the_old_layers_are_kept(machine: Machine) -> None:
    machine.looma().moves.move(request())
    fill(machine, "acme", c="3")
    machine.clock.sleep(60)
    machine.looma().moves.move(request("local"))
    rows = {store: {"c": "3"} for store in BEFORE}
    assert_serves(machine, "local", rows)
    assert machine.ask("b", PORT)[0] == "local"
    machine.looma().switches.finalize("acme")
    assert_serves(machine, "local", rows)
    assert machine.left_on_engine("b") == []
    assert acme(machine).data_generation == 3


def test_a_move_back_that_fails_passes_on_as_before(machine: Machine) -> None:
    machine.looma().moves.move(request())
    machine.sites["b"].edge.settles = False
    with pytest.raises(OperationFailed):
        machine.looma().moves.move(request("local", safety=False))
    assert_serves(machine, "b")
    assert machine.ask("local", PORT, method="POST")[0] == "b"


def test_on_to_a_third_host(machine: Machine) -> None:
    machine.add_host("c", "10.0.0.3")
    machine.looma().moves.move(request())
    machine.looma().moves.move(request("c"))
    assert_serves(machine, "c")
    assert machine.ask("local", PORT, method="POST")[0] == "c"
    machine.looma().switches.finalize("acme")
    assert machine.left_on_engine("b") == machine.left_on_engine() == []
    assert_serves(machine, "c")


def test_deleting_a_moved_tenant_leaves_nothing_anywhere(machine: Machine) -> None:
    machine.looma().moves.move(request())
    machine.looma().tenants.delete("acme", backup=False)
    assert machine.left_on_engine() == machine.left_on_engine("b") == machine.left_in_state() == []


def test_an_edition_that_was_left_on_the_old_host_is_no_way_back(machine: Machine) -> None:
    from looma_cli.model.switch import SwitchRequest

    machine.looma().switches.switch(SwitchRequest("acme", "pro"))
    machine.clock.sleep(60)
    machine.looma().moves.move(request())
    with pytest.raises(NotAllowed, match="nothing of an earlier edition"):
        machine.looma().switches.rollback("acme")


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "error", "words"),
    [("nowhere", NotFound, "nowhere"), ("local", NotAllowed, "on local already")],
)
def test_no_move_to_nowhere_or_to_where_it_is(machine: Machine, host: str, error: type[LoomaError], words: str) -> None:
    with pytest.raises(error, match=words):
        machine.looma().moves.move(request(host))
    assert_serves(machine, "local")


def test_no_move_of_a_stopped_tenant(machine: Machine) -> None:
    machine.looma().tenants.stop("acme")
    with pytest.raises(NotAllowed, match="needs it running or suspended"):
        machine.looma().moves.move(request())


def test_no_move_to_a_cordoned_host(machine: Machine) -> None:
    machine.add_host("c", "10.0.0.3", cordoned=True)
    with pytest.raises(NotAllowed, match="cordoned"):
        machine.looma().moves.move(request("c"))


def test_no_move_to_a_host_that_cannot_be_reached(machine: Machine) -> None:
    machine.sites["b"].cut()
    with pytest.raises(HostUnreachable):
        machine.looma().moves.move(request())
    assert_operations(machine, [])


def assert_operations(machine: Machine, statuses: list[str]) -> None:
    assert [one.status for one in machine.looma().operations.list(tenant="acme", all=True) if one.kind == "tenant.move"] == statuses


def test_no_move_to_a_host_without_room(machine: Machine) -> None:
    machine.sites["b"].daemon.memory_bytes = 64 << 20
    with pytest.raises(Conflict, match="MiB are missing"):
        machine.looma().moves.move(request())


def test_a_public_port_that_is_taken_there_is_refused_or_replaced(machine: Machine) -> None:
    machine.sites["b"].daemon.foreign_ports.add(("0.0.0.0", PORT))
    with pytest.raises(PortTaken, match="30000 of tenant acme is taken on b"):
        machine.looma().moves.move(request())
    machine.looma().moves.move(request(new_public_port=True))
    assert_serves(machine, "b", port=30001)
    where, answer = machine.ask("local", PORT, method="POST")
    assert (where, answer and answer.status) == ("b", 200)


# --- what fails -------------------------------------------------------------------------------------------------------


def test_a_layer_that_does_not_start_there_leaves_the_old_one_serving(machine: Machine) -> None:
    before = machine.left_on_engine()
    machine.sites["b"].engine.fail_on("start", LoomaError("it does not start", "look"))
    with pytest.raises(OperationFailed, match="everything was put back"):
        machine.looma().moves.move(request(safety=False))
    assert_serves(machine, "local")
    assert (machine.left_on_engine(), machine.left_on_engine("b")) == (before, [])


def test_an_old_host_that_does_not_reach_the_new_one_is_found_out_before_anybody_is_cut_off(machine: Machine) -> None:
    machine.sites["b"].address = "somewhere else"
    with pytest.raises(OperationFailed, match="does not reach") as failed:
        machine.looma().moves.move(request(safety=False))
    assert "--no-forward" in failed.value.hint
    assert_serves(machine, "local")


@pytest.mark.parametrize("way", ["resume", "rollback"])
def test_a_new_host_that_is_cut_off_in_the_middle_pauses(machine: Machine, way: str) -> None:
    machine.edge.on_settle = machine.sites["b"].cut
    with pytest.raises(Paused) as paused:
        machine.looma().moves.move(request(safety=False))
    id = paused.value.details["operation"]
    machine.edge.on_settle = lambda: None
    if way == "resume":
        machine.sites["b"].back()
        machine.looma().operations.resume(id)
        assert_serves(machine, "b")
        return
    operation = machine.looma().operations.rollback(id)
    assert operation.status == "rolled_back"
    assert any("is left" in record.detail for record in operation.steps)
    assert acme(machine).host == "local"
    where, answer = machine.ask("local", PORT, method="POST")
    assert (where, answer and answer.status) == ("local", 200)
    machine.sites["b"].back()
    left = {finding.name for finding in machine.looma().state.audit().unknown}
    assert {"looma-acme-data-g2-mysql-1", "looma-acme-data-g2_mysql-data", "looma-acme-data-g2"} <= left


def test_an_old_host_that_is_cut_off_after_the_change_over_keeps_nobody_from_writing(machine: Machine) -> None:
    machine.looma().moves.move(request(safety=False))
    machine.add_host("c", "10.0.0.3")
    c = machine.sites["c"]
    before = c.edge.set_mode

    def cut_then_set(tenant: str, mode: str) -> None:
        before(tenant, mode)
        machine.sites["b"].cut()

    c.edge.set_mode = cut_then_set  # type: ignore[method-assign]
    with pytest.raises(Paused):
        machine.looma().moves.move(request("c", safety=False))
    where, answer = machine.ask("c", PORT, method="POST")
    assert (where, answer and answer.status) == ("c", 200)
    machine.sites["b"].back()
    c.edge.set_mode = before  # type: ignore[method-assign]
    (operation,) = machine.looma().operations.list()
    machine.looma().operations.resume(operation.id)
    assert_serves(machine, "c")
