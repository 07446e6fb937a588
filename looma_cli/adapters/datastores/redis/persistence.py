"""Whether what a server has loaded from another is in its own files: only then a restart keeps it."""

from __future__ import annotations

import time

from looma_cli.adapters.datastores.redis.session import HINT, Session, information
from looma_cli.errors import BackupFailed

SAVE_SECONDS = 600.0


def saved(control: Session) -> bool:
    """With an append-only file, the loaded data is in it once it was written anew. Raises BackupFailed when that failed."""
    state = information(control, "persistence")
    if state["aof_enabled"] == "0":
        return True
    if not state["aof_rewrite_in_progress"] == state["aof_rewrite_scheduled"] == "0":
        return False
    if state["aof_last_bgrewrite_status"] == "ok":
        return True
    raise BackupFailed("redis has loaded the data, but could not write its append-only file", "is its volume full? " + HINT)


def wait_until_saved(control: Session) -> None:
    deadline = time.monotonic() + SAVE_SECONDS
    while not saved(control):
        if time.monotonic() > deadline:
            raise BackupFailed(f"redis has not written its append-only file within {SAVE_SECONDS:.0f} seconds", HINT)
        time.sleep(0.02)
