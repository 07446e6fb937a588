"""Containers of the local image set as looma runs them: no capabilities, no new privileges, a memory limit, secrets in a volume."""

from __future__ import annotations

import io
import tarfile
import time
from contextlib import suppress
from typing import Any

import docker
from docker.errors import NotFound
from docker.models.containers import Container
from docker.models.volumes import Volume

from tests.engine_objects import TEST_LABEL, owner_mark

LABELS = {TEST_LABEL: owner_mark()}
MEBIBYTE = 1024 * 1024
SECRETS = "/run/looma/secrets"


class Containers:
    """What one test (or one module) starts, and what goes away with ``remove``; by its label what a killed test run has left is told."""

    def __init__(self) -> None:
        self.engine = docker.from_env()
        self._containers: list[Container] = []
        self._volumes: list[Volume] = []

    def remove(self) -> None:
        for container in self._containers:
            with suppress(NotFound):
                container.remove(force=True, v=True)
        for volume in self._volumes:
            volume.remove(force=True)
        self.engine.close()

    def volume(self) -> Volume:
        self._volumes.append(self.engine.volumes.create(labels=LABELS))
        return self._volumes[-1]

    def secrets(self, files: dict[str, str]) -> Volume:
        """A volume of files that are root's and that everyone may read."""
        volume = self.volume()
        writer = self.engine.containers.create("looma/base:bookworm", labels=LABELS, volumes={volume.name: {"bind": SECRETS}})
        writer.put_archive(SECRETS, archive(files))
        writer.remove()
        return volume

    def create(
        self,
        image: str,
        memory_mib: int,
        *,
        secrets: dict[str, str] | None = None,
        volumes: dict[str, str] | None = None,
        **options: Any,
    ) -> Container:
        mounts = {name: {"bind": path, "mode": "rw"} for name, path in (volumes or {}).items()}
        if secrets:
            mounts[self.secrets(secrets).name] = {"bind": SECRETS, "mode": "ro"}
        hardened: dict[str, Any] = {
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "read_only": True,
            "tmpfs": {"/tmp": "", "/run": ""},
            "mem_limit": f"{memory_mib}m",
            "memswap_limit": f"{memory_mib}m",
            "healthcheck": {"interval": 100_000_000},  # the image's own probe, but more often
        }
        container = self.engine.containers.create(image, labels=LABELS, volumes=mounts, **{**hardened, **options})
        self._containers.append(container)
        return container

    def start(self, image: str, memory_mib: int, **options: Any) -> Container:
        """A container that has become healthy."""
        container = self.create(image, memory_mib, **options)
        container.start()
        wait_healthy(container)
        return container

    def run_once(self, image: str, script: str) -> str:
        """What a shell script writes as root in a fresh container of the image."""
        container = self.create(image, 64, entrypoint=["sh", "-c"], command=[script], user="0", healthcheck={"test": ["NONE"]}, tmpfs={})
        container.start()
        container.wait(timeout=60)
        return container.logs(stderr=False).decode().strip()


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.mode, member.size = 0o444, len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def wait_healthy(container: Container, seconds: float = 60) -> float:
    """Seconds until the image's own health check says healthy."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        container.reload()
        state = container.attrs["State"]
        if state["Health"]["Status"] == "healthy":
            return time.monotonic() - started
        if not state["Running"]:
            break
        time.sleep(0.02)
    raise AssertionError(f"{container.image.tags} is {state['Status']}, {state['Health']}: {container.logs(tail=20).decode()}")


def run(container: Container, *command: str, user: str = "", environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and all output of a command in the container."""
    result = container.exec_run(list(command), user=user, environment=environment)
    return result.exit_code, result.output.decode()


def output(container: Container, *command: str, environment: dict[str, str] | None = None) -> str:
    code, text = run(container, *command, environment=environment)
    assert code == 0, text
    return text.strip()


def process_status(container: Container, field: str) -> str:
    """A line of /proc/1/status, as the server itself runs."""
    lines = output(container, "cat", "/proc/1/status").splitlines()
    return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(f"{field}:"))
