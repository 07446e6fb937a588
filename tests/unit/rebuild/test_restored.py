"""A lost state, made anew from what runs: every field that can be known comes back, and the tenants live on."""

from __future__ import annotations

from typing import Any

from looma_cli.model.operation import Plan
from looma_cli.model.requests import UpdateRequest
from tests.unit.rebuild.traces import details, everything_on, known, rebuild, secrets, tenants
from tests.worlds import Machine, lite


def test_all_fields_secrets_and_ports_come_back(machine: Machine) -> None:
    before, values, there = tenants(machine), secrets(machine), everything_on(machine)
    installation = machine.engine.installation
    with machine.world().store.read() as state:
        rows, subnets, edge_ports = state.allocations(), state.subnets(), state.edge_ports("local")
    machine.lose_state()
    report = rebuild(machine)
    assert details(report) == ""
    assert [tenant.name for tenant in report.rebuilt] == ["acme", "globex"]
    assert [known(tenant) for tenant in tenants(machine)] == [known(tenant) for tenant in before]
    assert [tenant.status for tenant in tenants(machine)] == ["running", "stopped"]
    assert secrets(machine) == values
    assert everything_on(machine) == there
    with machine.world().store.read() as state:
        assert state.installation() == installation == report.installation
        assert sorted(map(str, state.allocations())) == sorted(map(str, rows))
        assert (sorted(map(str, state.subnets())), state.edge_ports("local")) == (sorted(map(str, subnets)), edge_ports)
    assert machine.looma().state.audit().ok


def test_the_tenants_live_on(machine: Machine) -> None:
    machine.lose_state()
    rebuild(machine)
    looma = machine.looma()
    assert looma.health.check(["acme"]).healthy
    assert looma.tenants.start("globex").status == "running"  # type: ignore[union-attr]
    assert looma.tenants.stop("acme").status == "stopped"  # type: ignore[union-attr]
    looma.tenants.start("acme")
    assert looma.tenants.update(UpdateRequest("acme", settings={"B": "2"})).settings == {"A": "$x '1'", "B": "2"}  # type: ignore[union-attr]
    third: Any = looma.tenants.create(lite("third"))
    assert not {p.host_port for p in third.ports} & {p.host_port for t in tenants(machine) if t.name != "third" for p in t.ports}
    for name in ("acme", "globex", "third"):
        looma.tenants.delete(name, backup=False)
    assert (machine.left_on_engine(), machine.left_in_state(), machine.left_in_files()) == ([], [], [])


def test_a_private_key_is_sealed_anew(machine: Machine) -> None:
    certificate = tenants(machine)[0].certificate
    key = machine.world().vault.open(certificate.sealed_key)  # type: ignore[union-attr]
    machine.lose_state()
    (machine.home / "secret.key").unlink()
    rebuild(machine)
    assert machine.world().vault.open(tenants(machine)[0].certificate.sealed_key) == key  # type: ignore[union-attr]


def test_lost_files_are_rendered_again_and_kept_ones_stay(machine: Machine) -> None:
    lost, kept = machine.home / "stacks/acme/app-g1/compose.yaml", machine.home / "stacks/acme/data-g1/compose.yaml"
    text = lost.read_text()
    lost.unlink()
    kept.write_text(kept.read_text() + "# mine\n")
    machine.lose_state()
    rebuild(machine)
    assert lost.read_text() == text
    assert kept.read_text().endswith("# mine\n")


def test_a_second_rebuild_does_nothing(machine: Machine) -> None:
    machine.lose_state()
    rebuild(machine)
    before = tenants(machine)
    report = rebuild(machine)
    assert report.rebuilt == report.problems == ()
    assert [(remark.tenant, remark.detail) for remark in report.skipped] == [
        ("acme", "already in the state"),
        ("globex", "already in the state"),
    ]
    assert tenants(machine) == before


def test_a_record_that_alone_was_lost_comes_back(machine: Machine) -> None:
    before = tenants(machine)
    with machine.world().store.write() as state:
        state.remove_tenant("globex")
    report = rebuild(machine)
    assert [tenant.name for tenant in report.rebuilt] == ["globex"]
    assert [known(tenant) for tenant in tenants(machine)] == [known(tenant) for tenant in before]


def test_a_dry_run_says_all_and_changes_nothing(machine: Machine) -> None:
    installation = machine.engine.installation
    machine.lose_state()
    machine.looma()
    own = machine.engine.installation
    (machine.home / "secret.key").unlink()
    plan = rebuild(machine, dry_run=True)
    assert isinstance(plan, Plan)
    assert plan.changes == (
        f"~ installation {own} -> {installation}",
        "+ ports 80 and 443 of the edge on local",
        "+ tenant acme: basic 1.5.0, lite, running",
        "+ tenant globex: basic 1.5.0, lite, stopped",
    )
    assert machine.left_in_state() == []
    machine.looma()
    assert machine.engine.installation == own != installation
    assert not (machine.home / "secret.key").exists()


def test_a_suspended_tenant_is_suspended_again(machine: Machine) -> None:
    machine.looma().tenants.suspend("acme")
    machine.lose_state()
    assert details(rebuild(machine)) == ""
    assert tenants(machine)[0].status == "suspended"
    assert machine.looma().tenants.resume("acme").status == "running"  # type: ignore[union-attr]
