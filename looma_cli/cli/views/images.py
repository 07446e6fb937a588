"""Images as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from looma_cli.cli.layout import Column, Painted
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import size, span

COLUMNS = (Column("image", least=24), Column("here"), Column("source", drop=2), Column("needed by", drop=1, least=16, wrap=True))


def table(images: Sequence[Any], screen: Screen) -> list[str]:
    return laid_out(COLUMNS, [(i.reference, _here(i.present), i.source, _needed(i.needed_by)) for i in images], screen)


def _here(present: bool | None) -> Painted:
    if present is None:
        return Painted("○ unknown", "dim", head=True)
    return Painted("● yes", "green", head=True) if present else Painted("○ no", "yellow", head=True)


def _needed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def built(results: Sequence[Any], screen: Screen) -> list[str]:
    columns = (Column("image", least=24), Column("state"), Column("took", right=True))
    return laid_out(columns, [(r.reference, r.state, span(r.seconds) if r.seconds else "") for r in results], screen)


def references(found: Sequence[str], screen: Screen) -> list[str]:
    return list(found)


def sent(images: Sequence[Any], screen: Screen) -> list[str]:
    """One line each, in sizes of what went over."""
    if not images:
        return ["The host has them all."]
    columns = (Column("image", least=24), Column("sent", right=True))
    return laid_out(columns, [(i.reference, size(i.sent_bytes)) for i in images], screen)
