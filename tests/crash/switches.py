"""Tenants that change their edition or release while people use them, and what must hold at every moment of it and afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from looma_cli.model.edition import Edition, ImageReference, PublishedPort
from looma_cli.model.switch import SwitchRequest
from tests.crash import backups
from tests.crash.mortal import Mortal, SmallCatalog
from tests.factories import make_component, make_edition, make_mysql
from tests.fakes.daemon import FakeContainer
from tests.worlds import lite

PUBLIC_PORT = 30000
TABLES = {"orders": {"1": "old", "2": "old"}}


def edition(name: str, *, postgresql: str = "looma/postgresql:15", **changes: Any) -> Edition:
    """Two services, of which one migrates, and two datastores."""
    secret = {"password_file": "$(secret.mysql_root_password)"}
    user = make_component(migrate=("migrate",))
    job = make_component("job-service", ports=(PublishedPort("http", 8009, 8009),), depends_on=("user-service", "mysql"))
    mysql = make_mysql(backup={"driver": "mysql", **secret})
    ports = (PublishedPort("mysql", 3306, 5433),)
    second = make_mysql(name="postgresql", backup={"driver": "postgresql", **secret}, ports=ports, connection={})
    second = make_mysql(**{**_fields(second), "image": ImageReference("postgres:15", postgresql)})
    return make_edition((user, job, mysql, second), name=name, **changes)


def _fields(component: Any) -> dict[str, Any]:
    return {name: getattr(component, name) for name in component.__dataclass_fields__}


def catalog() -> SmallCatalog:
    """To pro both datastores follow; to flagship, which has another PostgreSQL, one of them is copied."""
    return SmallCatalog(edition("basic"), edition("pro"), edition("flagship", postgresql="looma/postgresql:16"))


class Used(Mortal):
    """After every deed of looma somebody reads and writes through the edge. ``acknowledged`` are the keys of what was written, each with
    the volume that took it; ``complaints`` what its users should not have seen. ``watch`` is called while the tenant has a route."""

    def __init__(self, home: Path, editions: Any = None) -> None:
        super().__init__(home, editions or catalog())
        self.acknowledged: list[tuple[str, str]] = []
        self.complaints: list[str] = []
        self.watch: Callable[[], object] = lambda: None

    def between(self) -> None:
        self._use()
        if "acme" in self.edge.volume.routes:
            self.watch()

    def _use(self) -> None:
        answer = self.edge.answer(PUBLIC_PORT)
        if answer is None or answer.body in ("suspended", "stopped"):
            return
        container = self.routed()
        if container is None:
            self.complaints.append("a read reaches no service that runs")
        elif self.edge.answer(PUBLIC_PORT, method="POST").status == 200:  # type: ignore[union-attr]
            self._write(next(name for name in container.networks if "-data-" in name))

    def routed(self) -> FakeContainer | None:
        """The running container that a request reaches."""
        upstream = next(one for one in self.edge.volume.routes["acme"].upstreams if one.prefix == "/")
        return self._publisher(upstream.port)

    def _write(self, network: str) -> None:
        """One row into every datastore, unless writers are held back just now: that write waits."""
        volumes = [f"{network}_{store}-data" for store in backups.STORES]
        if any(volume in self.stores.held for volume in volumes):
            return
        key = f"w{len(self.acknowledged)}"
        for volume in volumes:
            if self.stores.replication.read_only(volume):
                self.complaints.append(f"{volume} refuses a write that the edge let through")
                return
            self.stores.write(volume, "orders", key)
            self.acknowledged.append((volume, key))


def tenant(home: Path, *, status: str = "running") -> Used:
    machine = Used(home)
    machine.process().tenants.create(lite())
    backups.fill(machine, TABLES)
    if status == "suspended":
        machine.process().tenants.suspend("acme")
    machine.acknowledged.clear()
    return machine


def request(target: str = "pro", **options: Any) -> SwitchRequest:
    return SwitchRequest("acme", target, **{"safety": False, **options})


def switched(home: Path, *, status: str = "running", target: str = "pro", **options: Any) -> Used:
    """From basic; its layers are kept."""
    machine = tenant(home, status=status)
    machine.process().switches.switch(request(target, **options))
    machine.acknowledged.clear()
    return machine


# --- what is seen -----------------------------------------------------------------------------------------------------


def picture(machine: Used) -> dict[str, Any]:
    """All that a person could see, but for the data: people go on writing."""
    seen = backups.everything(machine)
    del seen["data"]
    world = machine.world()
    with world.store.read() as state:
        present = [(one.name, one.edition, one.release, one.health) for one in state.tenants()]
        kept = [(one.reference.project, one.reason, one.record.get("edition"), one.record.get("release")) for one in state.kept_layers()]
        counted = [(one.reference.project, sorted(one.record.get("written", {}))) for one in state.kept_layers()]
    routed = machine.routed() if machine.edge.volume.routes else None
    networks = sorted((name, sorted(one.networks)) for name, one in machine.daemon.containers.items() if one.project)
    running = sorted(one.name for one in machine.daemon.containers.values() if one.state == "running" and one.project)
    more = {"records": present, "kept layers": sorted(kept), "counted": sorted(counted), "routed": routed and routed.name}
    return seen | more | {"networks": networks, "containers": running, "mode": routed and machine.edge.mode("acme")}


def data_layer(machine: Used) -> int:
    with machine.world().store.read() as state:
        return state.tenant("acme").data_generation


def assert_nothing_lost(machine: Used, before: int) -> None:
    """The present data layer has all that was acknowledged, by itself or by the layer that it replaces (``before``: its generation)."""
    present = data_layer(machine)
    volumes = backups.volumes(machine)
    for store, volume in volumes.items():
        rows = machine.stores.tables(volume)["orders"]
        taken = {f"looma-acme-data-g{generation}_{store}-data" for generation in {before, present}}
        expected = {*TABLES["orders"], *(key for where, key in machine.acknowledged if where in taken)}
        assert set(rows) >= expected, f"{store} of generation {present} has lost {sorted(expected - set(rows))}"


def assert_parted(machine: Used) -> None:
    """Nobody follows anybody, nothing is prepared or held for it, and each layer's containers are on networks of their own."""
    replication, there = machine.stores.replication, machine.daemon.volumes
    left = [{one for one in some if one in there} for some in (replication.leaders, replication.seeding, replication.prepared)]
    assert left == [set(), set(), set()], f"following, seeding, prepared: {left}"
    held = [volume for volume in machine.stores.held if volume in there]
    assert held == [], f"held: {held}"
    for container in machine.daemon.containers.values():
        if "-data-" in container.project:
            assert container.networks == {container.project}, container.name
