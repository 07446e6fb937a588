"""A container engine in memory: what several FakeEngines (installations) and a FakeHost share."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY_ADDRESS = ("0.0.0.0", "::")


@dataclass
class FakeContainer:
    id: str
    name: str
    image: str
    labels: Mapping[str, str] = field(default_factory=dict)
    project: str = ""
    service: str = ""
    config: str = ""
    command: tuple[str, ...] = ()
    ports: tuple[tuple[str, int, int, str], ...] = ()  # (address, host port, container port, protocol)
    networks: set[str] = field(default_factory=set)
    volumes: tuple[str, ...] = ()
    aliases: set[str] = field(default_factory=set)  # names that it goes by there, beside its own
    depends_on: Mapping[str, str] = field(default_factory=dict)
    checked: bool = False  # has a health check
    files: Mapping[str, str] = field(default_factory=dict)  # path -> content of secrets
    state: str = "created"
    health: str = "none"
    exit_code: int | None = None
    out_of_memory: bool = False
    restarts: int = 0
    started_at: str = ""
    log: list[str] = field(default_factory=list)


@dataclass
class FakeNetwork:
    name: str
    cidrs: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FakeDaemon:
    """``images`` None means that every image is there. ``foreign_ports`` are (address, port) of processes that listen on the host.
    ``id`` is the engine's; ``cpus`` and ``memory_bytes`` are the machine's."""

    images: set[str] | None = None
    built: dict[str, int] = field(default_factory=dict)  # how often an image was built anew under its name
    foreign_ports: set[tuple[str, int]] = field(default_factory=set)
    containers: dict[str, FakeContainer] = field(default_factory=dict)
    networks: dict[str, FakeNetwork] = field(default_factory=dict)
    volumes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid4().hex)
    cpus: int = 4
    memory_bytes: int = 8 * 2**30
    answers: bool = True
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _seconds: Any = field(default_factory=lambda: itertools.count(1))

    def image_id(self, reference: str) -> str:
        return "sha256:" + hashlib.sha256(f"{reference} {self.built.get(reference, 0)}".encode()).hexdigest()

    def new_id(self) -> str:
        return f"{next(self._ids):064x}"

    def next_time(self) -> str:
        """A second later each time."""
        return (START + timedelta(seconds=next(self._seconds))).isoformat().replace("+00:00", "Z")

    def labelled(self, things: Iterable[Any], labels: Mapping[str, str]) -> list[Any]:
        """Those that carry all these labels."""
        return [thing for thing in things if labels.items() <= dict(thing.labels).items()]

    def add_foreign(self, name: str, *, port: tuple[str, int] | None = None, networks: Sequence[str] = ()) -> FakeContainer:
        """A running container that no looma made."""
        ports = ((port[0], port[1], 80, "tcp"),) if port else ()
        container = FakeContainer(self.new_id(), name, "foreign:1", ports=ports, networks=set(networks), state="running")
        self.containers[name] = container
        return container

    def port_holder(self, address: str, port: int, protocol: str, *, but: FakeContainer) -> str | None:
        """Who already listens there: a running container's name, or ``the host``."""
        for other in self.containers.values():
            for held, number, _, held_protocol in other.ports:
                same = (number, held_protocol) == (port, protocol) and _overlap(address, held)
                if same and other is not but and other.state == "running":
                    return other.name
        return "the host" if any(number == port and _overlap(address, held) for held, number in self.foreign_ports) else None

    def overlapping(self, cidr: str) -> str | None:
        """Name of a network whose subnet overlaps this one."""
        wanted = ip_network(cidr)
        for network in self.networks.values():
            if any(ip_network(held).version == wanted.version and ip_network(held).overlaps(wanted) for held in network.cidrs):
                return network.name
        return None


def _overlap(first: str, second: str) -> bool:
    return first == second or first in EVERY_ADDRESS or second in EVERY_ADDRESS


def run_shell(command: Sequence[str], files: Mapping[str, str] | None = None) -> tuple[int | None, str]:
    """What a tiny command does: (exit code, output); the code is None when it goes on running (``sleep``).

    Understands ``echo``, ``cat``, ``exit``, ``true``, ``false`` and ``sleep``, joined by ``;`` in ``sh -c``.
    """
    script = command[2] if list(command[:2]) == ["sh", "-c"] else " ".join(command)
    output: list[str] = []
    for part in filter(None, (piece.strip() for piece in script.split(";"))):
        word, *rest = re.sub(r"^exec\s+|\s*>&2", "", part).split()
        if word == "echo":
            output.append(" ".join(rest) + "\n")
        elif word == "cat":
            output.append((files or {})[rest[0]])
        elif word == "sleep":
            return None, "".join(output)
        elif word in ("exit", "false", "true"):
            return int(rest[0]) if word == "exit" else int(word == "false"), "".join(output)
        else:
            return 127, f"{word}: not found\n"
    return 0, "".join(output)
