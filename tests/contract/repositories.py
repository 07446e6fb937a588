"""Where the contract of repositories is tested: in memory, and restic in a directory, on a real sshd and on a real S3 server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from looma_cli.adapters.repository import ResticRepository
from looma_cli.model.protocols import Repository
from tests.contract.servers import S3
from tests.fakes.repository import FakePlaces, FakeRepository

PASSPHRASE = "correct horse"


class Place(Protocol):
    """A new place for repositories. ``open`` gives the same one again and again, as other processes would."""

    def open(self, name: str = "here", passphrase: str = PASSPHRASE) -> Repository: ...

    def flip_byte(self) -> None:
        """In the middle of the largest pack of data of ``here``."""
        ...


class FakePlace:
    def __init__(self) -> None:
        self._places = FakePlaces()

    def open(self, name: str = "here", passphrase: str = PASSPHRASE) -> FakeRepository:
        return FakeRepository(f"/{name}", self._places, passphrase)

    def flip_byte(self) -> None:
        self._places["/here"].damaged = True


class ResticPlace:
    """``location`` makes one from a name."""

    def __init__(self, folder: Path, location: Callable[[str], str], environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.location = location
        self.environment = {**os.environ, "RESTIC_CACHE_DIR": str(folder / "cache"), **environment}
        self.children: list[int | None] = []

    def open(self, name: str = "here", passphrase: str = PASSPHRASE, *, lock_seconds: float = 60.0) -> ResticRepository:
        file = self.folder / f"{passphrase}.passphrase"
        file.write_text(f"{passphrase}\n")
        return ResticRepository(self.location(name), file, self.environment, self.children.append, lock_seconds=lock_seconds)

    def flip_byte(self) -> None:
        pack = max((self.folder / "here" / "data").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
        pack.chmod(0o600)
        pack.write_bytes(flipped(pack.read_bytes()))


class S3Place(ResticPlace):
    def __init__(self, folder: Path, server: S3) -> None:
        super().__init__(folder, lambda name: server.location(f"{folder.name}/{name}"), server.environment)
        self._server = server

    def flip_byte(self) -> None:
        path, _ = max(self._server.files(f"{self.folder.name}/here/data"), key=lambda file: file[1])
        self._server.write(path, flipped(self._server.read(path)))


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def without(program: str, folder: Path) -> str:
    """A PATH with every program that is needed here, but for this one."""
    folder.mkdir()
    for name in {"restic", "setpriv", "ssh", "sleep", "cat"} - {program}:
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    return str(folder)
