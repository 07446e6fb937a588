"""``tenant create`` against ``docker compose up -d --wait`` of the very files that looma rendered, one layer after the other."""

from __future__ import annotations

import re
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

from tests.bench.measuring import Environment, Figure, compared, home, looma, run, seconds

LIMIT = 1.20
ROUNDS = 3
NAME = "bench"
VARIABLE = re.compile(r"environment: (LOOMA_SECRET_\w+)")


def figures() -> Iterator[Figure]:
    with engine_home() as ours, engine_home() as bare:
        looma(bare, "tenant", "create", NAME, "--edition", "basic", "--profile", "lite", "--no-start")
        took: dict[str, list[float]] = {"floor": [], "looma": []}
        for _ in range(ROUNDS):
            took["floor"].append(seconds(lambda: up(bare)))
            down(bare)
            took["looma"].append(seconds(lambda: create(ours)))
            looma(ours, "tenant", "delete", NAME, "--no-backup", "--yes")
        yield compared("tenant create, basic lite", median(took["floor"]), median(took["looma"]), LIMIT)


def create(environment: Environment) -> None:
    looma(environment, "tenant", "create", NAME, "--edition", "basic", "--profile", "lite")


def up(environment: Environment, name: str = NAME) -> None:
    for project, file in layers(environment, name):
        run(("docker", "compose", "-p", project, "-f", str(file), "up", "-d", "--wait"), secrets(environment, file))


def down(environment: Environment, name: str = NAME) -> None:
    for project, file in reversed(layers(environment, name)):
        run(("docker", "compose", "-p", project, "-f", str(file), "down", "-v", "-t", "2"), secrets(environment, file))


def layers(environment: Environment, name: str) -> list[tuple[str, Path]]:
    """(project, file) of a tenant, datastores first."""
    folder = Path(environment["LOOMA_HOME"], "stacks", name)
    files = [folder / f"{layer}-g1" / "compose.yaml" for layer in ("data", "app")]
    return [(str(re.search(r"^name: (\S+)$", file.read_text(), re.MULTILINE)[1]), file) for file in files]  # type: ignore[index]


def secrets(environment: Environment, file: Path) -> dict[str, str]:
    return {**environment, **dict.fromkeys(VARIABLE.findall(file.read_text()), "s" * 32)}


@contextmanager
def engine_home(**settings: str) -> Iterator[dict[str, str]]:
    """A looma of its own with ports of its own; everything that carries its label is removed afterwards."""
    http, https = free_port(), free_port()
    with home(LOOMA_IMAGES="local", LOOMA_EDGE_HTTP_PORT=str(http), LOOMA_EDGE_HTTPS_PORT=str(https), **settings) as environment:
        try:
            yield environment
        finally:
            clean(environment)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean(environment: Environment) -> None:
    label = f"label=looma.installation={installation(environment)}"
    for listing, removal in (
        (("container", "ls", "-aq"), ("container", "rm", "-fv")),
        (("network", "ls", "-q"), ("network", "rm")),
        (("volume", "ls", "-q"), ("volume", "rm")),
    ):
        found = subprocess.run(("docker", *listing, "--filter", label), check=True, capture_output=True, text=True).stdout.split()
        if found:
            subprocess.run(("docker", *removal, *found), check=True, capture_output=True)


def installation(environment: Environment) -> str:
    with closing(sqlite3.connect(Path(environment["LOOMA_HOME"], "looma.db"))) as state:
        return str(state.execute("SELECT id FROM installation").fetchone()[0])
