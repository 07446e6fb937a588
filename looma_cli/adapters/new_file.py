"""Giving a file that is written whole its name, at once or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from looma_cli.errors import AlreadyExists

_UNLINKABLE = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # no hard links on this file system


def give_name(part: Path, path: Path, *, replace: bool, hint: str) -> None:
    """By a hard link where nothing may be replaced: that fails where somebody was faster. Raises AlreadyExists with the ``hint``."""
    if not replace:
        try:
            os.link(part, path)
            return
        except FileExistsError as error:
            raise AlreadyExists(f"{path} exists", hint) from error
        except OSError as error:
            if error.errno not in _UNLINKABLE:
                raise
    os.replace(part, path)
