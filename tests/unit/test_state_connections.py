"""The connections that a state keeps open between its transactions."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.database import open_store


def open_files(folder: Path) -> list[str]:
    links = []
    for number in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:  # the listing's own
            continue
    return [link for link in links if link.startswith(str(folder))]


def use(folder: Path) -> None:
    store = open_store(folder, clock=SystemClock())
    with store.write() as state:
        state.installation()
    with store.read() as state:
        state.tenants()
    assert open_files(folder)


def test_they_end_with_their_state_although_nobody_closed_it(tmp_path: Path) -> None:
    use(tmp_path)
    gc.collect()
    assert open_files(tmp_path) == []
