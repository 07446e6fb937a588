"""A lost state, made anew from what runs: every field that can be known comes back, and the tenants live on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from looma_cli.errors import Conflict, LoomaError, NotAllowed, NotFound, OperationFailed
from looma_cli.model.layer import LABEL_INSTALLATION, LABEL_TENANT_RECORD
from looma_cli.model.operation import Plan
from looma_cli.model.requests import UpdateRequest
from looma_cli.model.tenant import Tenant
from tests.certificates import self_signed
from tests.fakes.daemon import FakeNetwork
from tests.worlds import Machine, lite

UNKNOWABLE = {"updated_at": None, "checked_at": None, "health": "unknown"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Two tenants, one of them stopped."""
    machine = Machine(tmp_path / "home")
    chain, key = self_signed("acme.example.com")
    looma = machine.looma()
    looma.tenants.create(
        lite(hostname="acme.example.com", display_name="Acme 有限公司", settings={"A": "$x '1'"}, tls_certificate=chain, tls_key=key)
    )
    looma.tenants.create(lite("globex"))
    looma.tenants.stop("globex")
    return machine


def known(tenant: Tenant) -> Tenant:
    """Without what no trace tells; a sealed key differs each time."""
    certificate = tenant.certificate and replace(tenant.certificate, sealed_key="")
    return replace(tenant, certificate=certificate, **UNKNOWABLE)


def tenants(machine: Machine) -> list[Tenant]:
    return machine.looma().tenants.list()


def secrets(machine: Machine) -> dict[str, dict[str, str]]:
    world = machine.world()
    with world.store.read() as state:
        return {t.name: {n: world.vault.open(sealed) for n, sealed in state.secrets(t.name).items()} for t in state.tenants()}


def everything_on(machine: Machine) -> list[str]:
    daemon = machine.daemon
    return [*(f"{c.name} {c.id} {c.state}" for c in daemon.containers.values()), *daemon.networks, *daemon.volumes]


def rebuild(machine: Machine, **options: Any) -> Any:
    return machine.looma().state.rebuild(**options)


def details(report: Any) -> str:
    return "\n".join(f"{problem.tenant}: {problem.detail}" for problem in report.problems)


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


# what cannot be known
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


# which installation
def stranger(machine: Machine, installation: str = "0123456789ab") -> None:
    """Another looma's tenant on the same engine."""
    labels = {LABEL_INSTALLATION: installation, "looma.tenant": "initech", "looma.layer": "data", "looma.generation": "1"}
    machine.daemon.networks["looma-initech-data-g1"] = FakeNetwork("looma-initech-data-g1", ("10.9.0.0/26",), labels)


def test_the_rendered_files_say_which_installation_it_was(machine: Machine) -> None:
    stranger(machine)
    machine.lose_state()
    assert [tenant.name for tenant in rebuild(machine).rebuilt] == ["acme", "globex"]


def lose_everything(machine: Machine) -> None:
    machine.lose_state()
    for name in ("acme", "globex"):
        machine.world().files.remove_all(name)


def test_one_other_installation_is_taken_without_files(machine: Machine) -> None:
    before = [known(tenant) for tenant in tenants(machine)]
    lose_everything(machine)
    assert details(rebuild(machine)) == ""
    assert [known(tenant) for tenant in tenants(machine)] == before
    assert machine.looma().tenants.start("globex").status == "running"  # type: ignore[union-attr]


def test_several_are_listed_and_one_can_be_chosen(machine: Machine) -> None:
    installation = machine.engine.installation
    stranger(machine)
    lose_everything(machine)
    with pytest.raises(Conflict) as refused:
        rebuild(machine)
    assert refused.value.details["installations"] == {"0123456789ab": ["initech"], installation: ["acme", "globex"]}
    assert "0123456789ab (initech)" in refused.value.hint
    assert machine.left_in_state() == []
    assert [tenant.name for tenant in rebuild(machine, installation=installation).rebuilt] == ["acme", "globex"]


def test_files_of_somebody_else_contradict(machine: Machine) -> None:
    lose_everything(machine)
    machine.world().files.write("acme", "data-g1/compose.yaml", "looma.installation: ffffffffffff\n")
    with pytest.raises(Conflict, match="none of them wrote the stacks folder"):
        rebuild(machine)


def test_an_unknown_installation_and_an_empty_engine_are_said(machine: Machine, tmp_path: Path) -> None:
    machine.lose_state()
    with pytest.raises(NotFound, match="ffffffffffff"):
        rebuild(machine, installation="ffffffffffff")
    with pytest.raises(NotFound, match="nothing to rebuild from"):
        rebuild(Machine(tmp_path / "other"))


def test_a_state_with_tenants_stays_who_it_is(machine: Machine) -> None:
    stranger(machine)
    machine.world().files.write("initech", "data-g1/compose.yaml", "looma.installation: 0123456789ab\n")
    with pytest.raises(NotAllowed):
        rebuild(machine, installation="0123456789ab")
    assert "0123456789ab" in details(rebuild(machine))
