"""Which engine a connection finds there: the machine's own where the user may use it, else one of the user's own, else it says why."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from looma_cli.adapters.ssh.arguments import posix
from looma_cli.adapters.ssh.master import GREETING

MACHINES_OWN = "/var/run/docker.sock"
pytestmark = pytest.mark.engine


def greeted(runtime: Path, *, anybody: bool = False) -> str:
    """What the first command says; ``anybody`` is a user without any right."""
    assert Path(MACHINES_OWN).is_socket(), "these tests need an engine at its usual place"
    less = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if anybody and os.geteuid() == 0 else []
    environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(runtime)}
    ran = subprocess.run([*less, "sh", "-c", posix(GREETING)], env=environment, input="", capture_output=True, text=True, check=True)
    return ran.stdout


@contextmanager
def engine_of(runtime: Path) -> Iterator[Path]:
    """A socket of a user's own engine."""
    path = runtime / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o777)
        yield path


@pytest.fixture
def runtime(client_sockets: Path) -> Path:
    client_sockets.chmod(0o755)
    return client_sockets


def test_the_machines_engine_comes_first(runtime: Path, engine_required: object) -> None:
    with engine_of(runtime):
        assert greeted(runtime) == f"looma-ready usable {MACHINES_OWN}\n"


def test_a_user_who_may_not_use_it_uses_an_engine_of_its_own(runtime: Path, engine_required: object) -> None:
    if os.geteuid() != 0:
        assert greeted(runtime).startswith("looma-ready ")
        return
    with engine_of(runtime) as own:
        assert greeted(runtime, anybody=True) == f"looma-ready usable {own}\n"
    own.unlink()
    assert greeted(runtime, anybody=True) == f"looma-ready forbidden {MACHINES_OWN}\n"
