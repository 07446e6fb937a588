"""One sender to a host at a time: two at once would send the same layers twice, over the same line."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from looma_cli.errors import StateUnusable

POLL_SECONDS = 0.2


@contextmanager
def alone(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """For the length of the block, among the processes and threads of one home. The lock goes with the process, however it ends.
    ``waiting`` is called again and again, and may raise. Raises StateUnusable where the file cannot be made."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateUnusable(f"{path} cannot be made: {error.strerror}", "free some disk, or mend the folder's permissions") from error
    try:
        while not _taken(descriptor):
            waiting()
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
