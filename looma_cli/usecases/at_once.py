"""The same question to several hosts, all at the same time: one that does not answer keeps nobody waiting but itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")
MOST = 64  # hosts at a time


def at_once(deed: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
    """The answers, in order; what a deed raises is raised once all have ended. A single one is asked in this thread."""
    if len(items) < 2:
        return [deed(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(MOST, len(items))) as pool:
        return list(pool.map(deed, items))
