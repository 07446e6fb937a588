"""The file of ``tenant export``: a restic repository with one set, in a plain tar (restic has compressed and encrypted it already).

First comes ``looma-export.json``, which also says how many files follow and how large they are together: a tar that is cut between two
files looks whole otherwise. Nothing is unpacked but regular files with the names that restic gives (restic's design document, "Repository
layout"), so that no path can lead anywhere else.
"""

from __future__ import annotations

import errno
import glob
import io
import json
import os
import re
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any

from looma_cli.adapters import processes
from looma_cli.adapters.new_file import give_name
from looma_cli.errors import AlreadyExists, BackupTooNew, CommandFailed, InvalidValue, NotFound, RepositoryDamaged
from looma_cli.model.backup import ExportHeader

FORMAT = 1
HEADER = "looma-export.json"
HEADER_BYTES = 64 << 10
PIECE = 1 << 20
MOST_FILES = 1_000_000
FOLDERS = ("data", "index", "keys", "locks", "snapshots")
_NAME = re.compile(r"config|(?:keys|index|snapshots)/[0-9a-f]{64}|data/[0-9a-f]{2}/[0-9a-f]{64}")
_OWNER = re.compile(r"\.?.*?\.(?P<pid>\d+)-(?P<started>\d+)\.(?:folder|part)-[0-9a-f]{8}", re.DOTALL)


class TarArchives:
    """Implements ``Archives``; ``temporary`` is where its folders are."""

    def __init__(self, temporary: Path) -> None:
        self._temporary = temporary

    # folders
    def folder(self) -> str:
        path = self._temporary / _mine("export", "folder")
        with _told(path):
            self._temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700)
        return str(path)

    def left(self) -> list[str]:
        return [str(path) for path in sorted(self._temporary.glob("export.*")) if _is_left(path.name)]

    def remove(self, folder: str) -> None:
        with _told(Path(folder)):
            if os.path.lexists(folder):
                shutil.rmtree(folder)

    # out
    def refuse(self, file: str, *, replace: bool) -> None:
        path = Path(file)
        if path.is_dir():
            raise InvalidValue(f"{file} is a folder", "name the file in it")
        if not path.parent.is_dir():
            raise NotFound(f"there is no folder {path.parent}", "make it first")
        if not os.access(path.parent, os.W_OK):
            raise CommandFailed(f"{path.parent} cannot be written to", "choose a folder that you may write to")
        if path.exists() and not replace:
            raise AlreadyExists(f"{file} exists", "choose another name, or add --force to replace it")

    def pack(self, repository: str, header: ExportHeader, file: str, *, replace: bool) -> int:
        path = Path(file)
        self.refuse(file, replace=replace)
        with _told(path):
            for other in path.parent.glob(f".{glob.escape(path.name)}.*.part-*"):
                if _is_left(other.name):
                    other.unlink(missing_ok=True)
            part = path.parent / _mine(f".{path.name}", "part")
            try:
                size = self._write(part, Path(repository), header)
                give_name(part, path, replace=replace, hint="choose another name, or add --force to replace it")
            finally:
                part.unlink(missing_ok=True)
        return size

    def _write(self, part: Path, repository: Path, header: ExportHeader) -> int:
        found = sorted(path for path in repository.rglob("*") if _NAME.fullmatch(path.relative_to(repository).as_posix()))
        total = sum(path.stat().st_size for path in found)
        head = json.dumps({"format": FORMAT, **asdict(header), "files": len(found), "size_bytes": total}, indent=1).encode()
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.addfile(_member(HEADER, len(head)), io.BytesIO(head))
            for path in found:
                with path.open("rb") as content:
                    tar.addfile(_member(path.relative_to(repository).as_posix(), path.stat().st_size), content)
            tar.close()
            file.flush()
            os.fsync(file.fileno())
            return file.tell()

    # in
    def unpack(self, file: str, repository: str) -> ExportHeader:
        path, target = Path(file), Path(repository)
        if not path.exists():
            raise NotFound(f"there is no file {file}", "look at its name")
        with _told(target), _reading(path), path.open("rb") as opened, tarfile.open(fileobj=opened, mode="r|") as tar:
            header, files, size = _header(tar, file)
            self._refuse_size(file, size, path.stat().st_size)
            for folder in FOLDERS:
                (target / folder).mkdir(mode=0o700, parents=True)
            _unpack(tar, target, file, files, size)
        return header

    def _refuse_size(self, file: str, size: int, there: int) -> None:
        if size > there:
            raise _damaged(file, f"it has {there} bytes where {size} should be")
        free = shutil.disk_usage(self._temporary).free
        if size > free:
            raise CommandFailed(f"{file} needs {size} bytes in {self._temporary}, {free} are free", "free some disk there")


def _mine(name: str, kind: str) -> str:
    me = processes.look_up(os.getpid())
    return f"{name}.{os.getpid()}-{me.started if me else 0}.{kind}-{secrets.token_hex(4)}"


def _is_left(name: str) -> bool:
    """Whether whoever made a file or folder of this name runs no more."""
    match = _OWNER.fullmatch(name)
    if match is None:
        return False
    owner = processes.look_up(int(match["pid"]))
    if owner is None:
        return not processes.exists_unseen(int(match["pid"]))
    return not owner.running or owner.started != int(match["started"])


def _member(name: str, size: int) -> tarfile.TarInfo:
    """The same for everybody who exports the same."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _header(tar: tarfile.TarFile, file: str) -> tuple[ExportHeader, int, int]:
    """The header, how many files follow, and how many bytes those have. Raises InvalidValue, BackupTooNew."""
    member = tar.next()
    if member is None or member.name != HEADER or not _is_plain(member) or member.size > HEADER_BYTES:
        raise _not_ours(file)
    try:
        found: dict[str, Any] = json.loads(_opened(tar, member).read())
        number = found["format"]
        if isinstance(number, int) and number > FORMAT:
            raise BackupTooNew(f"{file} was written by a newer looma ({found.get('written_by')})", "use that release, or a newer one")
        values = {field.name: found[field.name] for field in fields(ExportHeader)}
        files, size = found["files"], found["size_bytes"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _not_ours(file) from error
    sound = all(isinstance(value, str) for value in values.values()) and type(files) is type(size) is type(number) is int
    if not sound or not 0 < files <= MOST_FILES or size < 0:
        raise _not_ours(file)
    return ExportHeader(**values), files, size


def _unpack(tar: tarfile.TarFile, target: Path, file: str, files: int, size: int) -> None:
    left = size
    for count in range(files):
        member = tar.next()
        if member is None:
            raise _damaged(file, f"{files - count} of {files} files are missing")
        if not _NAME.fullmatch(member.name) or not _is_plain(member) or not 0 <= member.size <= left:
            raise _damaged(file, f"{member.name[:80]!r} does not belong there")
        left -= member.size
        _write_out(_opened(tar, member), target / member.name, member.size, file)
    if left or tar.next() is not None:
        raise _damaged(file, "it has other files than it says")


def _is_plain(member: tarfile.TarInfo) -> bool:
    """A file and nothing else: no link, no device, no sparse file."""
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    opened = tar.extractfile(member)
    assert opened is not None  # it is a plain file
    return opened


def _write_out(content: IO[bytes], path: Path, size: int, file: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        raise _damaged(file, f"{path.name} is in it twice") from error
    with os.fdopen(descriptor, "wb") as out:
        shutil.copyfileobj(content, out, PIECE)
        if out.tell() != size:
            raise _damaged(file, "it ends in the middle of a file")


def _not_ours(file: str) -> InvalidValue:
    return InvalidValue(f"{file} is no file of `looma tenant export`", "looma tenant export TENANT FILE makes one")


def _damaged(file: str, why: str) -> RepositoryDamaged:
    return RepositoryDamaged(f"{file} is not whole: {why}", "copy or export it once more")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What tarfile says of a file that is none, or is cut short."""
    try:
        yield
    except tarfile.HeaderError as error:
        raise _damaged(str(path), str(error)) from error
    except tarfile.ReadError as error:
        if "unexpected end of data" in str(error):
            raise _damaged(str(path), str(error)) from error
        raise _not_ours(str(path)) from error
    except tarfile.TarError as error:
        raise _not_ours(str(path)) from error


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "free some disk there" if full else "look at its permissions"
        raise CommandFailed(f"{error.filename or path}: {error.strerror or error}", hint) from error
