"""What is wrong with a manifest, with the line where it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """``line`` counts from 1; ``file`` is the path that was read."""

    line: int
    message: str
    file: str = ""


class Report:
    """Collects problems while a manifest is read, so that one pass tells them all."""

    def __init__(self, file: str = "") -> None:
        self._file = file
        self._problems: set[Problem] = set()

    def add(self, where: Any, message: str) -> None:
        """``where`` is a YAML node or a line number."""
        line = where if isinstance(where, int) else where.start_mark.line + 1
        self._problems.add(Problem(line, _on_one_line(message), self._file))

    def problems(self) -> list[Problem]:
        """In the order of the file."""
        return sorted(self._problems)

    def __bool__(self) -> bool:
        return bool(self._problems)


def _on_one_line(message: str, longest: int = 300) -> str:
    """What a manifest brings into a message may be anything: cut, and without line breaks and characters that cannot be seen."""
    cut = message if len(message) <= longest else message[: longest - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def suggestion(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for a near miss, else the empty string."""
    from difflib import get_close_matches

    near = get_close_matches(word[:100], list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
