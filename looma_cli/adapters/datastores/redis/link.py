"""Why a follower is not connected. The server says it in its log only, and tries again every second whatever it was."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from looma_cli.adapters.datastores.redis.access import Access

LINES = 200
ATTEMPTS = 3
DOWN_SECONDS = 60
SILENCE_SECONDS = 30.0  # without a connection or a transfer
LONGEST_SECONDS = 1800.0
_BEGIN = re.compile(r" REPLICAOF .* enabled ")
_LINKED = re.compile(r"MASTER <-> REPLICA sync: Finished with success|Successful partial resynchronization")
_ATTEMPT = re.compile(r"Full resync from master")
_WARNING = re.compile(r"^\S+ .*? # (?P<text>.*)$")
_NOT_LET_IN = re.compile(r"NOAUTH|WRONGPASS|NOPERM")


@dataclass(frozen=True, slots=True)
class Reason:
    """``last``: the last warning since it was last connected; ``final``: it, when trying again does not help."""

    last: str = ""
    final: str = ""


def reason(access: Access) -> Reason:
    lines = _since_linked(list(access.engine.logs(access.workload, tail=LINES, follow=False, since=None)))
    warnings = [found["text"].strip() for line in lines if (found := _WARNING.match(line))]
    last = warnings[-1] if warnings else ""
    refused = next((text for text in reversed(warnings) if _NOT_LET_IN.search(text)), "")
    if refused:
        return Reason(refused, refused)
    attempts = sum(bool(_ATTEMPT.search(line)) for line in lines)
    return Reason(last, (last or "the copy breaks off every time") if attempts > ATTEMPTS else "")


def hopeless(access: Access, state: Mapping[str, str]) -> str:
    """Why waiting does not help one whose link is down; empty while it may."""
    found = reason(access)
    if found.final or state["master_sync_in_progress"] == "1":
        return found.final
    seconds = int(state["master_link_down_since_seconds"])
    if 0 <= seconds < DOWN_SECONDS:
        return ""
    return found.last or "it has no connection to it"


@dataclass(slots=True)
class Patience:
    """With one that is to be linked for the first time."""

    access: Access
    started: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)
    looked: float = field(default_factory=time.monotonic)

    def ended(self, busy: bool) -> str:
        """Why; empty while it has not. ``busy``: something comes over, or is loaded. The log is read once a second."""
        now = time.monotonic()
        if busy:
            self.heard = now
        if now - self.looked < 1:
            return ""
        self.looked = now
        found = reason(self.access)
        if now - self.heard < SILENCE_SECONDS and now - self.started < LONGEST_SECONDS:
            return found.final
        return found.last or "it does not come to the end of the copy"


def _since_linked(lines: list[str]) -> list[str]:
    for i in reversed(range(len(lines))):
        if _BEGIN.search(lines[i]) or _LINKED.search(lines[i]):
            return lines[i + 1 :]
    return lines
