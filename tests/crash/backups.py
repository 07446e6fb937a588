"""A tenant with two datastores, what it looks like to a person, and what must never be left of a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from looma_cli.model.edition import PublishedPort
from looma_cli.usecases.restoring import RestoreRequest
from tests.crash.mortal import Mortal, SmallCatalog
from tests.factories import make_component, make_edition, make_mysql
from tests.worlds import lite

OLD: dict[str, dict[str, str]] = {"orders": {"1": "old"}}
NOW: dict[str, dict[str, str]] = {"orders": {"1": "new", "2": "new"}}
STORES = ("mysql", "postgresql")
PLACE, COPY = "/backups/acme", "/copies/acme"


def catalog() -> SmallCatalog:
    """Two services and two datastores, of which one holds its writers while a moment is taken."""
    secret = {"password_file": "$(secret.mysql_root_password)"}
    job = make_component("job-service", ports=(PublishedPort("http", 8009, 8009),), depends_on=("user-service", "mysql"))
    mysql = make_mysql(backup={"driver": "mysql", **secret})
    ports = (PublishedPort("mysql", 3306, 5433),)
    postgresql = make_mysql(name="postgresql", backup={"driver": "postgresql", **secret}, ports=ports, connection={})
    return SmallCatalog(make_edition((make_component(), job, mysql, postgresql)))


def machine_with_sets(home: Path, *, status: str = "running") -> Mortal:
    """Tenant acme with a complete set of OLD, and NOW in its datastores."""
    machine = Mortal(home, catalog())
    machine.process().tenants.create(lite())
    fill(machine, OLD)
    machine.process().backups.create("acme")
    machine.clock.sleep(60)
    fill(machine, NOW)
    if status != "running":
        verb = {"suspended": "suspend", "stopped": "stop"}[status]
        getattr(machine.process().tenants, verb)("acme")
    return machine


def fill(machine: Mortal, tables: dict[str, dict[str, str]], tenant: str = "acme") -> None:
    for volume in volumes(machine, tenant).values():
        machine.stores.replace(volume, {name: dict(rows) for name, rows in tables.items()})


def volumes(machine: Mortal, tenant: str = "acme", generation: int | None = None) -> dict[str, str]:
    with machine.world().store.read() as state:
        generation = generation or state.tenant(tenant).data_generation
    return {store: f"looma-{tenant}-data-g{generation}_{store}-data" for store in STORES}


def oldest(machine: Mortal) -> str:
    with machine.world().store.read() as state:
        return state.backups("acme")[-1].id


def everything(machine: Mortal) -> dict[str, Any]:
    """All that a person could see; ids and times left out."""
    world = machine.world()
    with world.store.read() as state:
        tenants = [(t.name, t.status, t.data_generation, t.app_generation) for t in [*state.tenants(), *state.tenants(platform=True)]]
        ports = sorted((row.host_port, row.component, row.generation, row.state) for row in state.allocations())
        subnets = sorted((row.cidr, row.name) for row in state.subnets())
        sets = [(b.tenant, b.kind, b.missing, b.verified_at is not None, b.problem) for b in state.backups()]
        kept = sorted(one.reference.project for one in state.kept_layers())
        secrets = {t.name: {n: world.vault.open(text) for n, text in state.secrets(t.name).items()} for t in state.tenants()}
    containers = machine.daemon.containers.values()
    return {
        "tenants": tenants,
        "ports": ports,
        "subnets": subnets,
        "sets": sets,
        "copies": len(sets_at(machine, COPY)),
        "kept": kept,
        "secrets": {name: sorted(values) for name, values in secrets.items()},
        "engine": [name.replace(machine.engine.installation, "ID") for name in machine.left_on_engine()],
        "running": sorted(c.service for c in containers if c.state == "running" and "init" not in c.name and c.project),
        "reads": _answer(machine, "GET"),
        "writes": _answer(machine, "POST"),
        "files": [name.rpartition("stacks")[2] for name in machine.left_in_files()],
        "data": data(machine),
    }


def data(machine: Mortal) -> dict[str, dict[str, Any]]:
    """What the present layers hold: tenant -> store -> tables."""
    with machine.world().store.read() as state:
        names = [tenant.name for tenant in state.tenants()]
    return {name: {store: machine.stores.tables(volume) for store, volume in volumes(machine, name).items()} for name in names}


def _answer(machine: Mortal, method: str) -> tuple[int, str] | None:
    answer = machine.edge.answer(30000, method=method)
    return answer and (answer.status, answer.service)


def sets_at(machine: Mortal, location: str) -> set[str]:
    """Ids of the complete sets; there may be nothing else."""
    place = machine.places[location]
    tags = [stored.snapshot.tags for stored in place.stored.values()]
    complete = {one["set"] for one in tags if one["part"] == "manifest"}
    assert {one["set"] for one in tags} == complete, "half a set is left"
    for id in complete:
        assert sorted(one["part"] for one in tags if one["set"] == id) == sorted([*STORES, "manifest"])
    return complete


def assert_whole(machine: Mortal) -> None:
    """Nothing is held, and state and repository know the same sets."""
    assert machine.stores.held == []
    with machine.world().store.read() as state:
        assert {backup.id for backup in state.backups()} == sets_at(machine, PLACE)
    sets_at(machine, COPY)


def restore(**options: Any) -> RestoreRequest:
    return RestoreRequest("acme", **options)

