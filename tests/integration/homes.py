"""A LOOMA_HOME of its own on the real engine, used only as a person uses it: each command is a process.

The id of the installation, by which everything on the engine is labelled, is made to name the test run that owns it. So whatever a
killed test run left behind is told by its label alone, and removed before the next one begins.
"""

from __future__ import annotations

import json
import os
import random
import re
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from looma_cli.adapters.database import open_store
from looma_cli.adapters.engine import EngineApi
from looma_cli.model.layer import LABEL_INSTALLATION, LABEL_TENANT
from tests.engine_objects import LISTS, is_stale, owner_mark, remove_objects

LITE = ("--edition", "basic", "--profile", "lite")
LIMIT_SECONDS = 480
_OURS = re.compile(r"test-(?P<mark>\d+-\d+)-[0-9a-f]+")


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as JSON: exactly one document."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        return self.document["error"]


class Home:
    """``home("tenant", "list")`` runs a command to its end; ``begin`` only starts it."""

    def __init__(self, path: Path, environment: dict[str, str], installation: str, api: EngineApi) -> None:
        self.path = path
        self.environment = environment
        self.installation = installation
        self._api = api

    # commands
    def begin(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """In a process group of its own, as a shell starts it."""
        return subprocess.Popen(
            [sys.executable, "-m", "looma_cli", *arguments],
            env=self.environment | environment,
            cwd=self.path.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *arguments: str, **environment: str) -> Result:
        return finish(self.begin(*arguments, **environment))

    def json(self, *arguments: str, code: int = 0, **environment: str) -> Any:
        """The document that a command prints with ``-o json``; its exit code must be ``code``."""
        words = list(arguments)
        words[words.index("--") if "--" in words else len(words) :] = ["-o", "json", *(words[words.index("--") :] if "--" in words else [])]
        result = self(*words, **environment)
        assert result.code == code, (arguments, result.code, result.out[-2000:], result.err[-2000:])
        return result.document

    def create(self, tenant: str, *more: str) -> dict[str, Any]:
        return self.json("tenant", "create", tenant, *LITE, *more)

    def delete(self, tenant: str) -> dict[str, Any]:
        return self.json("tenant", "delete", tenant, "--no-backup", "--yes")

    # what is there
    def on_engine(self, tenant: str | None = None, engine: EngineApi | None = None) -> list[str]:
        """Names of everything that carries this installation's label (and the tenant's) on that engine, or this machine's."""
        labels = {LABEL_INSTALLATION: self.installation} | ({LABEL_TENANT: tenant} if tenant else {})
        return sorted(_name(found) for listing, _ in LISTS for found in listed(engine or self._api, listing, labels))

    def containers(self, tenant: str | None = None, engine: EngineApi | None = None) -> list[dict[str, Any]]:
        """As ``docker inspect`` shows them, those of jobs that have ended too."""
        labels = {LABEL_INSTALLATION: self.installation} | ({LABEL_TENANT: tenant} if tenant else {})
        api = engine or self._api
        return [api.get(f"/containers/{c['Id']}/json") for c in listed(api, "/containers/json", labels)]

    def tenants(self) -> list[str]:
        with closing(open_store(self.path)) as store, store.read() as state:
            return [tenant.name for tenant in state.tenants()]

    def in_state(self) -> list[str]:
        """Rows that hold something for a tenant: none when the last one is gone."""
        with closing(open_store(self.path)) as store, store.read() as state:
            rows = [*state.tenants(), *state.tenants(platform=True), *state.allocations(), *state.subnets()]
            return [str(row) for row in rows] + [f"edge {port}" for port in state.edge_ports("local").values()]

    def in_files(self) -> list[str]:
        return sorted(str(path) for path in (self.path / "stacks").glob("**/*"))

    def assert_nothing_left(self) -> None:
        """Wholly old for a home without tenants: engine, state, files and processes."""
        assert self.on_engine() == []
        assert self.in_state() == []
        assert self.in_files() == []
        assert self.outside_programs() == []

    def outside_programs(self) -> list[str]:
        """Command lines of compose processes that work on a tenant of this home, by the secret-free part of their arguments."""
        with closing(open_store(self.path)) as store, store.read() as state:
            projects = {f"looma-{operation.tenant}-" for operation in state.operations(open_only=False)}
        return [line for line in command_lines() if "compose" in line and any(project in line for project in projects)]


def listed(api: EngineApi, listing: str, labels: dict[str, str]) -> list[dict[str, Any]]:
    answer = api.listed(listing, labels, {"all": "1"})
    return answer["Volumes"] or [] if listing == "/volumes" else answer


def _name(found: dict[str, Any]) -> str:
    return found["Name"] if "Name" in found else found["Names"][0].removeprefix("/")


def command_lines() -> Iterator[str]:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue


def finish(process: subprocess.Popen[str], limit_seconds: float = LIMIT_SECONDS) -> Result:
    try:
        out, err = process.communicate(timeout=limit_seconds)
    finally:
        end(process)
    return Result(process.returncode, out, err)


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGKILL) -> bool:
    """Send looma alone a signal; returns whether it was still running."""
    running = process.poll() is None
    if running:
        process.send_signal(number)
    return running


def finish_all(processes: Sequence[subprocess.Popen[str]]) -> list[Result]:
    return [finish(process) for process in processes]


@contextmanager
def open_home(api: EngineApi, path: Path) -> Iterator[Home]:
    """A new home; all that carries its label is removed at the end."""
    installation = f"test-{owner_mark()}-{secrets.token_hex(3)}"
    home = Home(path, new_environment(path), installation, api)
    _begin_state(path, installation)
    try:
        yield home
    finally:
        remove_objects(api, LABEL_INSTALLATION, installation.__eq__)


def _begin_state(path: Path, installation: str) -> None:
    """A state whose installation has this id from the beginning."""
    with closing(open_store(path)) as store, store.read() as state:
        given = state.installation()
    with closing(sqlite3.connect(path / "looma.db")) as connection, connection:
        changed = connection.execute("UPDATE installation SET id = ? WHERE id = ?", (installation, given))
    assert changed.rowcount == 1


def remove_leftovers(api: EngineApi) -> None:
    """Removes what homes of killed test runs left on the engine."""
    remove_objects(api, LABEL_INSTALLATION, _is_abandoned)


def _is_abandoned(installation: str) -> bool:
    ours = _OURS.fullmatch(installation)
    return ours is not None and is_stale(ours["mark"])


def new_tenant(prefix: str = "t") -> str:
    """A name that no other test run on this engine has."""
    return f"{prefix}-{secrets.token_hex(4)}"


def new_environment(path: Path) -> dict[str, str]:
    """Ports and subnets apart from those of other homes: for sure from those of this test run's other process, else as far as chance
    allows. looma looks before it takes any, but what a killed command was to take must still be free when it is resumed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOOMA_")}
    block = random.choice(_share(range(20_000, 29_000, 1_000)))
    public = random.choice(_share(range(30_000, 32_000 - 80, 80)))
    subnet = random.choice(_share(range(64, 128)))
    http, https = free_ports(2)
    return kept | {
        "LOOMA_HOME": str(path),
        "LOOMA_IMAGES": "local",
        "LOOMA_PORT_RANGE": f"{block}-{block + 999}",
        "LOOMA_PUBLIC_PORT_RANGE": f"{public}-{public + 79}",
        "LOOMA_SUBNET_POOL": f"10.{subnet}.{random.randrange(0, 256, 64)}.0/18",
        "LOOMA_EDGE_HTTP_PORT": str(http),
        "LOOMA_EDGE_HTTPS_PORT": str(https),
        "LOOMA_HEALTH_TIMEOUT": "300",
        "COLUMNS": "200",
    }


def _share(numbers: Sequence[int]) -> Sequence[int]:
    """Those of this test process, where there are several (pytest-xdist)."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return numbers[int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % count :: count]


def free_ports(count: int) -> list[int]:
    """Below the ephemeral range and the ranges above, so that no outgoing connection takes one in the meantime."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(15_000, 20_000)
        if port not in found and is_free(port):
            found.append(port)
    return found


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def wait_until(condition: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.1)
