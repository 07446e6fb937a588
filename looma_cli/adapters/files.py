"""Rendered files of tenants: in a folder of LOOMA_HOME, or in the state where several controllers share one.

Names are relative paths of plain names (``data-g1/compose.yaml``): whatever a caller passes, nothing outside a tenant's own
place can be read, written or removed.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from looma_cli.adapters.database.store import DatabaseStore
from looma_cli.errors import InvalidName, StateUnusable

_TENANT = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
_PART = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,99}")
_DEPTH = 4
TEMPORARY = ".writing-"


def checked(tenant: str, name: str | None = None) -> None:
    """Raises InvalidName for anything but a tenant's name and a relative path of at most four plain names."""
    if not _TENANT.fullmatch(tenant):
        raise InvalidName(f"{tenant[:60]!r} is not a tenant's name", "lower-case letters, digits and hyphens, beginning with a letter")
    if name is None:
        return
    parts = name.split("/")
    if len(parts) > _DEPTH or not all(_PART.fullmatch(part) and part.strip(".") and not part.startswith(TEMPORARY) for part in parts):
        raise InvalidName(f"{name[:60]!r} is not the name of a stack's file", "plain names with / between, like data-g1/compose.yaml")


class DirectoryFiles:
    """Implements ``StackFiles`` under ``root/<tenant>/``: folders 0700, files 0600, written by rename after an fsync.

    Raises StateUnusable where the file system refuses, InvalidName for a name that could leave the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, tenant: str, name: str) -> str | None:
        path = self._path(tenant, name)
        with self._translated(path):
            try:
                return path.read_bytes().decode("utf-8", "surrogateescape")
            except (FileNotFoundError, NotADirectoryError):
                return None

    def write(self, tenant: str, name: str, text: str) -> None:
        """The file is the old or the new one at any moment, also after a power failure."""
        path = self._path(tenant, name)
        with self._translated(path):
            self._make_folders(path.parent)
            temporary = f"{path.parent}/{TEMPORARY}{token_hex(6)}"
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(text.encode("utf-8", "surrogateescape"))
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise

    def remove(self, tenant: str, name: str) -> None:
        """Absent is no error; a folder that became empty goes too."""
        path = self._path(tenant, name)
        with self._translated(path):
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if folder == self._root or not _remove_empty(folder):
                    break

    def remove_all(self, tenant: str) -> None:
        checked(tenant)
        folder = self._root / tenant
        with self._translated(folder):
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                return

    def names(self, tenant: str) -> list[str]:
        """Sorted; what an interrupted write left behind is not among them."""
        checked(tenant)
        folder = self._root / tenant
        with self._translated(folder):
            files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(TEMPORARY)]
        return sorted(path.relative_to(folder).as_posix() for path in files)

    def tenants(self) -> list[str]:
        """Sorted; folders without a file, or that no tenant can be called after, are not among them."""
        with self._translated(self._root):
            found = sorted(path.name for path in self._root.glob("*") if path.is_dir() and _TENANT.fullmatch(path.name))
        return [tenant for tenant in found if self.names(tenant)]

    def path(self, tenant: str, name: str) -> str:
        return str(self._path(tenant, name))

    def _path(self, tenant: str, name: str) -> Path:
        checked(tenant, name)
        return self._root / tenant / name

    def _make_folders(self, folder: Path) -> None:
        """Each of its own mode 0700: ``parents=True`` would leave those between to the umask."""
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            return
        except FileNotFoundError:
            self._make_folders(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def _translated(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                full = f"the disk is full: {path} cannot be written"
                raise StateUnusable(full, f"free some space on the file system of {self._root}") from error
            raise StateUnusable(f"{path} cannot be used: {error.strerror or error}", f"check the permissions of {self._root}") from error


def _remove_empty(folder: Path) -> bool:
    """Whether it is gone afterwards; one that holds something stays."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


class DatabaseFiles:
    """Implements ``StackFiles`` in the state itself (table ``stack_files``); every call is a transaction of its own."""

    def __init__(self, store: DatabaseStore) -> None:
        self._store = store

    def read(self, tenant: str, name: str) -> str | None:
        checked(tenant, name)
        with self._store.read() as state:
            return state.file(tenant, name)

    def write(self, tenant: str, name: str, text: str) -> None:
        checked(tenant, name)
        with self._store.write() as state:
            state.save_file(tenant, name, text)

    def remove(self, tenant: str, name: str) -> None:
        checked(tenant, name)
        with self._store.write() as state:
            state.remove_file(tenant, name)

    def remove_all(self, tenant: str) -> None:
        checked(tenant)
        with self._store.write() as state:
            state.remove_files(tenant)

    def names(self, tenant: str) -> list[str]:
        checked(tenant)
        with self._store.read() as state:
            return state.file_names(tenant)

    def tenants(self) -> list[str]:
        with self._store.read() as state:
            return state.file_tenants()

    def path(self, tenant: str, name: str) -> str:
        checked(tenant, name)
        return f"{self._store.url} (table stack_files: {tenant}/{name})"
