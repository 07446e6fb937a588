"""What a killed restic leaves in a directory besides its lock: packs it had not written to their end, which prune does not see."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

UNFINISHED = "*-tmp-*"  # restic's local backend writes to NAME-tmp-NUMBER and renames


def remove_unfinished(directory: Path) -> None:
    """Where nobody holds a lock. Who takes one from now on writes later than the files that are removed."""
    now = time.time()
    if any((directory / "locks").iterdir()):
        return
    for file in directory.rglob(UNFINISHED):
        with suppress(OSError):  # somebody else's unlock was faster, or they are not ours: they do no harm but take room
            if file.stat().st_mtime < now:
                file.unlink()
