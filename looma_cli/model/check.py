"""One finding of a look at what looma needs."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, FAILED = "ok", "warning", "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """``status`` is ok, warning or failed; ``hint`` mends it."""

    name: str
    status: str
    detail: str
    hint: str = ""
