"""Text laid out in columns of terminal cells: tables without boxes, lists of facts, panels. Knows nothing of nouns.

Not Rich's: a table of Rich costs 70 ms to import and does not choose which columns a narrow terminal can do without.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells, set_cell_size

from looma_cli.cli.terminal import Screen

GAP = "  "


class Painted(str):
    """A cell with a style; ``head`` paints the first character only (a status: coloured dot, plain word)."""

    __slots__ = ("head", "style")

    def __new__(cls, text: str, style: str, *, head: bool = False) -> Painted:
        self = super().__new__(cls, text)
        self.style = style
        self.head = head
        return self


@dataclass(frozen=True)
class Column:
    """``drop``: columns with the highest number go first where the terminal is narrow, 0 stays. ``least``: cells to which the
    column may be cut (None: never cut). ``wrap``: goes on in the next line instead of being cut."""

    title: str
    drop: int = 0
    least: int | None = None
    wrap: bool = False
    right: bool = False


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], screen: Screen) -> list[str]:
    """Lines of a table that fits the screen, its head first. A column in which nothing stands is left out."""
    rows = [[_flat(cell) for cell in row] for row in rows]
    kept, widths = _fit(columns, rows, screen.width)
    shown = [columns[i] for i in kept]
    lines = [_line([column.title.upper() for column in shown], shown, widths, screen, "dim")]
    for row in rows:
        cells = [row[i] for i in kept]
        if any(column.wrap and _width(cell) > width for cell, column, width in zip(cells, shown, widths, strict=True)):
            lines += _row(cells, shown, widths, screen)
        else:
            lines.append(_line(cells, shown, widths, screen))
    return lines


def _width(text: str) -> int:
    """In cells. Most text is ASCII, which Python knows of a string without looking: a fleet's table has 100,000 cells."""
    return len(text) if text.isascii() else cell_len(text)


def facts(pairs: Iterable[tuple[str, str]], screen: Screen, indent: str = "") -> list[str]:
    """``label  value`` lines, the values below one another, long ones wrapped."""
    pairs = [(label, _flat(value)) for label, value in pairs]
    wide = max((cell_len(label) for label, _ in pairs), default=0)
    space = 10_000 if screen.width is None else max(screen.width - wide - len(GAP) - len(indent), 10)
    lines = []
    for label, value in pairs:
        for number, part in enumerate(fold(value, space)):
            name = set_cell_size(label if number == 0 else "", wide)
            lines.append(f"{indent}{screen.paint(name, 'dim')}{GAP}{_paint(part, value, screen)}".rstrip())
    return lines


def panel(title: str, lines: Sequence[str], plain: Sequence[str], screen: Screen, style: str) -> list[str]:
    """A light frame around ``lines``; ``plain`` are the same lines without escape sequences, for measuring."""
    room = (screen.width or 80) - 4
    inner = min(max([cell_len(line) for line in plain] + [cell_len(title) + 2]), room)
    top = screen.paint("╭─ ", style) + screen.paint(title, "bold") + screen.paint(" " + "─" * (inner - cell_len(title) - 1) + "╮", style)
    side = screen.paint("│", style)
    body = [f"{side} {line}{' ' * (inner - cell_len(bare))} {side}" for line, bare in zip(lines, plain, strict=True)]
    return [top, *body, screen.paint("╰" + "─" * (inner + 2) + "╯", style)]


def fold(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` cells, broken after blanks and the enumeration comma where there are any."""
    lines: list[str] = []
    line = ""
    for piece in re.split(r"(?<=[ 、])", text):
        if cell_len((line + piece).rstrip()) <= width:
            line += piece
            continue
        if line:
            lines.append(line.rstrip())
        *full, line = chop_cells(piece, width) if cell_len(piece.rstrip()) > width else [piece]
        lines += full
    return [*lines, line.rstrip()]


def cut(text: str, width: int) -> str:
    """The text in at most ``width`` cells, with an ellipsis where something is missing."""
    return text if _width(text) <= width else set_cell_size(text, max(width - 1, 0)).rstrip() + "…"


def _flat(cell: str) -> str:
    if cell.isprintable():
        return cell
    flat = " ".join("".join(c if c.isprintable() else " " for c in cell).split())
    return Painted(flat, cell.style, head=cell.head) if isinstance(cell, Painted) else flat


def _fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> tuple[list[int], list[int]]:
    """Which columns are shown, and how wide each is: first text flows into narrower columns, then columns go, and names are cut last."""
    natural = [max([cell_len(c.title), *(_width(row[i]) for row in rows)]) for i, c in enumerate(columns)]
    kept = [i for i in range(len(columns)) if any(row[i] for row in rows)] or list(range(len(columns)))
    while True:
        widths = [natural[i] for i in kept]
        if width is None:
            return kept, widths
        excess = sum(widths) + len(GAP) * (len(kept) - 1) - width
        flowing = [_spare(columns[i], natural[i]) if columns[i].wrap else 0 for i in kept]
        if excess <= sum(flowing):
            return kept, _shrunk(widths, flowing, excess)
        last = max(kept, key=lambda i: columns[i].drop)
        if len(kept) == 1:
            return kept, [min(widths[0], width)]
        if columns[last].drop == 0:
            return kept, _shrunk(widths, [_spare(columns[i], natural[i]) for i in kept], excess)
        kept.remove(last)


def _spare(column: Column, natural: int) -> int:
    return 0 if column.least is None else max(natural - max(column.least, cell_len(column.title)), 0)


def _shrunk(widths: list[int], spare: list[int], excess: int) -> list[int]:
    """Takes ``excess`` cells away, one at a time from the widest column that can still give."""
    widths, spare = list(widths), list(spare)
    for _ in range(min(max(excess, 0), sum(spare))):
        widest = max((i for i in range(len(widths)) if spare[i]), key=lambda i: widths[i])
        widths[widest] -= 1
        spare[widest] -= 1
    return widths


def _row(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int], screen: Screen) -> list[str]:
    parts = [
        (fold(cell, width) if column.wrap and cell_len(cell) > width else [cell])
        for cell, column, width in zip(row, columns, widths, strict=True)
    ]
    height = max(len(part) for part in parts)
    lines = []
    for number in range(height):
        cells = [part[number] if number < len(part) else "" for part in parts]
        painted = [_like(text, cell) for text, cell in zip(cells, row, strict=True)]
        lines.append(_line(painted, columns, widths, screen))
    return lines


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], screen: Screen, style: str = "") -> str:
    texts = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        wide = _width(cell)
        text = cell if wide <= width else cut(cell, width)
        blanks = " " * (width - (wide if text is cell else _width(text)))
        shown = screen.paint(text, style) if style else _paint(text, cell, screen)
        texts.append(blanks + shown if column.right else shown + blanks)
    return GAP.join(texts).rstrip()


def _like(text: str, cell: str) -> str:
    return Painted(text, cell.style, head=cell.head) if isinstance(cell, Painted) else text


def _paint(text: str, cell: str, screen: Screen) -> str:
    if not isinstance(cell, Painted):
        return str(text)
    return screen.paint(text[:1], cell.style) + text[1:] if cell.head else screen.paint(str(text), cell.style)
