"""Real datastore servers for driver tests: one container of the local image as its component file describes it, secrets as files."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.adapters.engine import ComposeEngine, EngineApi
from looma_cli.adapters.render.placeholders import resolve, secrets_in, values_for
from looma_cli.model.edition import Component
from looma_cli.model.layer import Workload
from looma_cli.settings import data_directory
from tests.engine_objects import TEST_LABEL, owner_mark, start_container

EDITION = "basic"
PASSWORD = "s3cret-of-tests"  # one for all: a restored server must take the accounts of the dump
_FILL = 'for name in $SECRET_NAMES; do printf %s "$SECRET_VALUE" >"/run/secrets/$name"; done'


def component(name: str) -> Component:
    """``mysql``, ``redis`` or ``postgresql`` of an edition."""
    return YamlCatalog(data_directory("editions")).edition(EDITION).component(name)


@contextmanager
def running(api: EngineApi, name: str, *, memory_bytes: int = 0, password: str = PASSWORD) -> Iterator[Workload]:
    """A fresh server; what ``ready`` means is the driver's to say. Its volume goes with it."""
    one = component(name)
    memory = memory_bytes or one.resources["lite"].memory_bytes
    values = values_for(one, {"tenant": "t", "edition": EDITION, "release": "1.0.0"}, memory)
    volume = _secrets_volume(api, one, password)
    container = start_container(
        api,
        f"store-{secrets.token_hex(5)}",
        one.image.local or "",
        Cmd=[resolve(text, values) for text in one.command],
        Env=[f"{key}={resolve(text, values)}" for key, text in one.environment.items()],
        User=one.user or "",
        StopTimeout=20,
        HostConfig={"Memory": memory, "Binds": [f"{volume}:/run/secrets:ro"], "CapDrop": ["ALL"]},
    )
    yield Workload(container, container[:12], name, None, "running", "none", one.image.local or "")
    api.request("DELETE", f"/containers/{container}", {"force": "1", "v": "1"})
    api.request("DELETE", f"/volumes/{volume}", {"force": "1"})


def engine() -> ComposeEngine:
    return ComposeEngine(None, "tests")


def _secrets_volume(api: EngineApi, one: Component, password: str) -> str:
    volume = f"secrets-{secrets.token_hex(5)}"
    api.post("/volumes/create", body={"Name": volume, "Labels": {TEST_LABEL: owner_mark()}})
    filler = start_container(
        api,
        f"filler-{secrets.token_hex(5)}",
        "looma/base:bookworm",
        Cmd=["sh", "-c", _FILL],
        Env=[f"SECRET_NAMES={' '.join(_names(one))}", f"SECRET_VALUE={password}"],
        HostConfig={"Binds": [f"{volume}:/run/secrets"]},
    )
    _wait_for_end(api, filler)
    return volume


def _names(one: Component) -> list[str]:
    return list(dict.fromkeys((*one.secrets, *secrets_in([*one.environment.values(), *one.command, *one.healthcheck]))))


def _wait_for_end(api: EngineApi, id: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while (state := api.get(f"/containers/{id}/json")["State"])["Running"] or state["Status"] == "created":
        assert time.monotonic() < deadline, "the filler did not end"
        time.sleep(0.02)
    assert state["ExitCode"] == 0
    api.request("DELETE", f"/containers/{id}", {"force": "1"})


def write_text(workload: Workload, command: list[str], text: str) -> str:
    """Run a client in the container with ``text`` as its input; its output. Fails unless it exits with 0."""
    with engine().open_program(workload, command) as program:
        program.write(text.encode())
        program.close_input()
        output = b"".join(iter(program.read, b""))
        code, errors = program.finish(), program.errors()
    assert code == 0, (command, code, errors, output[-500:])
    return output.decode()
