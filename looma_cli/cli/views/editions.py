"""Editions as text: the catalogue, one of them, two side by side, a ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from looma_cli.cli.layout import Column, Painted, facts, fold
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import number, size

COLUMNS = (
    Column("name", least=8),
    Column("title", least=8),
    Column("release"),
    Column("monthly", right=True),
    Column("components", drop=3, right=True),
    Column("memory", drop=2, right=True),
    Column("features", drop=1, least=16, wrap=True),
)

EXAMPLES = "Prices and requirements are examples until the provider fills in its own."


def table(editions: Sequence[Any], screen: Screen) -> list[str]:
    rows = [
        (
            e.name, e.title, e.releases[-1], f"{number(e.price.monthly)} {e.price.currency}", str(len(e.components)),
            size(e.requirements.memory_bytes), "、".join(e.features),
        )
        for e in editions
    ]  # fmt: skip
    lines = laid_out(COLUMNS, rows, screen)
    if not any(edition.price.example for edition in editions):
        return lines
    return [*lines, "", *(screen.paint(line, "dim") for line in fold(EXAMPLES, screen.width or 120))]


def price(noun: Any) -> str:
    """What a month costs; an example is marked so."""
    return f"{number(noun.monthly)} {noun.currency}/month" + (" (example)" if noun.example else "")


def page(edition: Any, screen: Screen) -> list[str]:
    needed = edition.requirements
    example = " (example)" if needed.example else ""
    pairs = [
        ("audience", "、".join(edition.audience)),
        ("features", "、".join(edition.features)),
        ("price", price(edition.price)),
        ("needs", f"{number(needed.cpus)} CPUs, {size(needed.memory_bytes)} memory, {size(needed.disk_bytes)} disk{example}"),
        ("releases", " ".join(edition.releases)),
        ("ports", "{}-{}".format(*edition.port_range)),
        ("entry", edition.entry),
    ]
    rows = [
        (c.name, c.kind, c.layer, " ".join(str(p.canonical) for p in c.ports if p.canonical is not None), " ".join(c.profiles))
        for c in edition.components
    ]
    columns = (Column("component", least=14), Column("kind", drop=2), Column("layer", drop=3), Column("port"), Column("profiles", drop=1))
    head = f"{screen.paint(edition.name, 'bold')} {edition.title}"
    return [head, *facts([(label, value) for label, value in pairs if value], screen, "  "), "", *laid_out(columns, rows, screen)]


def comparison(noun: Any, screen: Screen) -> list[str]:
    first, second = noun.first, noun.second
    rows = [
        ("title", first.title, second.title),
        ("price", price(first.price), price(second.price)),
        ("CPUs", number(first.requirements.cpus), number(second.requirements.cpus)),
        ("memory", size(first.requirements.memory_bytes), size(second.requirements.memory_bytes)),
        ("disk", size(first.requirements.disk_bytes), size(second.requirements.disk_bytes)),
        ("releases", " ".join(first.releases), " ".join(second.releases)),
    ]
    columns = (Column(""), Column(first.name, least=10, wrap=True), Column(second.name, least=10, wrap=True))
    lines = laid_out(columns, rows, screen)
    for name in ("features", "services", "datastores", "infrastructure"):
        part = getattr(noun, name)
        lines += _part(name, part, screen)
    return lines


def _part(name: str, part: Any, screen: Screen) -> list[str]:
    if not part.added and not part.removed:
        return ["", f"{screen.paint(name, 'bold')}: the same"]
    pairs = [("+", " ".join(part.added)), ("-", " ".join(part.removed)), ("=", " ".join(part.kept))]
    styles = {"+": "green", "-": "red", "=": "dim"}
    shown = [(mark, Painted(text, styles[mark])) for mark, text in pairs if text]
    return ["", screen.paint(name, "bold"), *facts(shown, screen, "  ")]


def recommendations(ranked: Sequence[Any], screen: Screen) -> list[str]:
    columns = (
        Column("edition", least=8), Column("title", drop=3, least=6), Column("score", right=True), Column("monthly", drop=2, right=True),
        Column("why", least=24, wrap=True),
    )  # fmt: skip
    return laid_out(columns, [_recommendation(r) for r in ranked], screen)


def _recommendation(noun: Any) -> tuple[str, ...]:
    edition = noun.edition
    why = "; ".join([*noun.misses, *noun.reasons])
    score = str(noun.score) if noun.suitable else Painted("no", "red")
    monthly = f"{number(edition.price.monthly)} {edition.price.currency}"
    return edition.name, edition.title, score, monthly, why if noun.suitable else Painted(why, "dim")


def problems(found: Sequence[Any], screen: Screen) -> list[str]:
    """``file:line: message``, as compilers say it and editors understand it."""
    return [f"{problem['file']}:{problem['line']}: {problem['message']}" for problem in found]
