"""Tenants that move between two hosts while people use them at whichever address they know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from looma_cli.model.move import MoveRequest
from tests.crash import backups
from tests.crash.switches import PUBLIC_PORT, TABLES, Used
from tests.fakes.daemon import FakeContainer
from tests.worlds import lite

HOSTS = ("local", "b")


class Moving(Used):
    """After every deed of looma somebody reads and writes at the address of each host: at the tenant's first one always, at the other as
    soon as there is an answer."""

    def _use(self) -> None:
        for host in HOSTS:
            if host in self.sites or host == "local":
                self._use_at(host)

    def _use_at(self, host: str) -> None:
        where, answer = self.ask(host, PUBLIC_PORT)
        if answer is None:
            if self.known and host == self.known:
                self.complaints.append(f"nothing answers at {host}")
            return
        if answer.body in ("suspended", "stopped"):
            return
        container = self.reached(where)
        if container is None or answer.status != 200:
            self.complaints.append(f"a read at {host} reaches no service that runs: {answer.status} {answer.body}")
            return
        written = self.ask(host, PUBLIC_PORT, method="POST")[1]
        if written is not None and written.status == 200:
            self._write(next(name for name in container.networks if "-data-" in name))

    known: str = ""  # the address that people have

    def reached(self, host: str) -> FakeContainer | None:
        """The running container that a request to that host's edge reaches."""
        route = next(one for one in self.edge_of(host).volume.routes.values() if one.public_port == PUBLIC_PORT)
        upstream = next(one for one in route.upstreams if one.prefix == "/")
        return self._publisher(upstream.port, host)

    def copy(self, home: Path) -> Moving:
        other = super().copy(home)
        assert isinstance(other, Moving)
        other.known = self.known
        return other


def tenant(home: Path, *, status: str = "running") -> Moving:
    machine = Moving(home)
    machine.add_host("b", "10.0.0.2")
    machine.process().tenants.create(lite(host="local"))
    backups.fill(machine, TABLES)
    if status == "suspended":
        machine.process().tenants.suspend("acme")
    machine.known = "local"
    machine.acknowledged.clear()
    return machine


def request(host: str = "b", **options: Any) -> MoveRequest:
    return MoveRequest("acme", host, **{"safety": False, **options})


def moved(home: Path) -> Moving:
    """To host b; the layers on local are kept, and people go on using its address."""
    machine = tenant(home)
    machine.process().moves.move(request())
    machine.acknowledged.clear()
    return machine


# --- what is seen -----------------------------------------------------------------------------------------------------


def picture(machine: Moving) -> dict[str, Any]:
    """All that a person could see on both hosts, but for the data: people go on writing."""
    seen = backups.everything(machine)
    del seen["data"]
    with machine.world().store.read() as state:
        present = [(one.name, one.host, one.url, one.health) for one in state.tenants()]
        kept = sorted((one.host, one.reference.project, one.reason) for one in state.kept_layers())
        edges = {host: sorted(state.edge_ports(host).items()) for host in HOSTS}
    places = {host: _place(machine, host) for host in HOSTS}
    return seen | {"records": present, "kept layers": kept, "edges": edges, "places": places}


def _place(machine: Moving, host: str) -> dict[str, Any]:
    containers = machine.daemon_of(host).containers.values()
    answers = [machine.ask(host, PUBLIC_PORT, method=method) for method in ("GET", "POST")]
    return {
        "engine": [name.replace(machine.engine.installation, "ID") for name in machine.left_on_engine(host)],
        "running": sorted(one.name.replace(machine.engine.installation, "ID") for one in containers if one.state == "running"),
        "networks": sorted((one.name, sorted(one.networks)) for one in containers if one.project),
        "answers": [(where, answer and (answer.status, answer.service, answer.body)) for where, answer in answers],
    }


def assert_parted(machine: Moving) -> None:
    """Nobody follows anybody, nothing is prepared, held or relayed."""
    there = {volume for host in HOSTS for volume in machine.daemon_of(host).volumes}
    replication = machine.stores.replication
    left = [{one for one in some if one in there} for some in (replication.leaders, replication.seeding, replication.prepared)]
    assert left == [set(), set(), set()], f"following, seeding, prepared: {left}"
    assert [volume for volume in machine.stores.held if volume in there] == []
    names = [name for host in HOSTS for name in machine.daemon_of(host).containers]
    assert [name for name in names if name.endswith("-relay")] == []
