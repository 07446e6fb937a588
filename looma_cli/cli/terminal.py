"""The streams that looma talks through, and what each of them can show."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TextIO

_STYLES = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36",
}  # fmt: skip
_ASCII = str.maketrans({"●": "*", "○": "o", "◐": "~", "✓": "+", "✗": "x", "↶": "<", "…": "~", "·": "-", "→": ">", "!": "!", "—": "-"})
_BOX = str.maketrans({"╭": "+", "╮": "+", "╰": "+", "╯": "+", "─": "-", "│": "|"})


@dataclass(frozen=True)
class Screen:
    """One output stream. ``width`` is in terminal cells, or None where nothing has to fit; ``colour`` says whether escape
    sequences are wanted."""

    stream: TextIO
    is_terminal: bool
    width: int | None
    colour: bool

    @cached_property
    def unicode(self) -> bool:
        """Whether the stream's encoding has the dots, ticks and lines that looma draws with."""
        return self.can_encode("●✓…╭")

    def can_encode(self, text: str) -> bool:
        try:
            text.encode(getattr(self.stream, "encoding", None) or "utf-8")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def paint(self, text: str, style: str) -> str:
        """The text in a style (one or more of bold, dim, red, green, yellow, blue, cyan) where colours are wanted."""
        if not self.colour or not style or not text:
            return text
        return f"\x1b[{';'.join(_STYLES[name] for name in style.split())}m{text}\x1b[0m"

    def drawable(self, text: str) -> str:
        """The text with looma's own marks replaced where the encoding lacks them."""
        return text if self.unicode else text.translate(_ASCII).translate(_BOX)

    def line(self, text: str = "") -> None:
        """Write one line; what the encoding lacks becomes an escape."""
        text = self.drawable(text)
        if not self.can_encode(text):
            encoding = self.stream.encoding or "ascii"
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        self.stream.write(text + "\n")


class _Forgiving:
    """Standard error: when nobody reads it any more, that is no reason to undo what is being done, or to end in another way."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@dataclass
class Terminal:
    """Standard input, output and error of one run. ``environment`` decides on colours and widths."""

    input: TextIO
    output: TextIO
    error: TextIO
    environment: Mapping[str, str] = field(default_factory=dict)
    no_color: bool = False

    @classmethod
    def standard(cls) -> Terminal:
        """The process's own; one that was closed (``>&-``) takes everything and gives nothing."""
        return cls(sys.stdin or open(os.devnull), sys.stdout or _nowhere(), sys.stderr or _nowhere(), os.environ)

    @property
    def out(self) -> Screen:
        """Data."""
        return self._screen(self.output)

    @property
    def err(self) -> Screen:
        """Everything else. Writing to it never fails."""
        return replace(self._screen(self.error), stream=_Forgiving(self.error))  # type: ignore[arg-type]

    @property
    def can_ask(self) -> bool:
        """Somebody can read a question and answer it."""
        return _is_terminal(self.input) and _is_terminal(self.error)

    def _screen(self, stream: TextIO) -> Screen:
        terminal = _is_terminal(stream)
        plain = self.no_color or self.environment.get("NO_COLOR") or self.environment.get("TERM") == "dumb"
        return Screen(stream, terminal, self._width(stream, terminal), terminal and not plain)

    def _width(self, stream: TextIO, terminal: bool) -> int | None:
        columns = self.environment.get("COLUMNS", "")
        if columns.isdigit() and int(columns) > 0:
            return max(int(columns), 20)
        if not terminal:
            return None
        try:
            return max(os.get_terminal_size(stream.fileno()).columns, 20)
        except (OSError, ValueError):
            return 80


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # closed, or no stream at all
        return False
