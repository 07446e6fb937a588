"""Objects that tests make on a real engine: marked with the process that made them, and removed by that mark."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import CommandFailed, NotAllowed, NotFound

TEST_LABEL = "looma.test"
LISTS = (("/containers/json", "/containers/{Id}"), ("/networks", "/networks/{Id}"), ("/volumes", "/volumes/{Name}"))


def owner_mark(pid: int | None = None) -> str:
    """``PID-TICKS``: value of the label ``looma.test``. Two test runs on one engine leave each other's objects alone, and what a
    killed run left behind can be told, because that process is gone (or its pid is another's by now)."""
    pid = pid or os.getpid()
    return f"{pid}-{Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"


def is_stale(mark: str) -> bool:
    """Whether the test run that made this is over; a mark of another form belongs to someone else."""
    pid = mark.partition("-")[0]
    if not pid.isdecimal():
        return False
    try:
        return owner_mark(int(pid)) != mark
    except OSError:
        return True


def remove_objects(api: EngineApi, label: str, matching: Callable[[str], bool]) -> None:
    """Removes every container, network and volume whose ``label`` has a value that matches."""
    for listing, one in LISTS:
        answer = api.listed(listing, {label: ""}, {"all": "1"})
        for found in answer["Volumes"] or () if listing == "/volumes" else answer:
            if matching((found.get("Labels") or {}).get(label, "")):
                _remove(api, one.format_map(found))


def _remove(api: EngineApi, path: str) -> None:
    with suppress(NotFound, NotAllowed, CommandFailed):
        api.request("DELETE", path, {"force": "1", "v": "1"} if path.startswith("/containers") else None)


def start_container(api: EngineApi, name: str, image: str, **options: object) -> str:
    """A container outside compose; returns its id. ``options`` are fields of the engine's create call."""
    labels: Mapping[str, str] = {TEST_LABEL: owner_mark(), **options.pop("Labels", {})}  # type: ignore[dict-item]
    body = {"Image": image, "Cmd": ["sleep", "600"], "Labels": labels, "StopTimeout": 1, **options}
    id = api.post("/containers/create", {"name": name}, body)["Id"]
    api.post(f"/containers/{id}/start")
    return id
