"""Backups as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from looma_cli.cli.layout import Column, Painted, facts
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import ago, moment, plural, size, span, state

COLUMNS = (
    Column("id"),
    Column("tenant", least=10),
    Column("kind", drop=2),
    Column("age"),
    Column("size", drop=3, right=True),
    Column("stored", drop=4, right=True),
    Column("proven"),
    Column("remark", least=12, wrap=True),
)
STORES = (
    Column("datastore", least=8),
    Column("engine", least=16, wrap=True),
    Column("rows", right=True),
    Column("size", drop=2, right=True),
    Column("fingerprint", drop=1),
)
PARTS = (Column("datastore", least=8), Column("part", least=16), Column("rows", right=True), Column("checksum", least=8))


def table(backups: Sequence[Any], screen: Screen) -> list[str]:
    rows = [(b.id, b.tenant, b.kind, ago(b.created_at), _size(b.size_bytes), _size(b.stored_bytes), _proof(b), _remark(b)) for b in backups]
    return laid_out(COLUMNS, rows, screen)


def _proof(backup: Any) -> str:
    if not backup.datastores:  # of a set that this release cannot read; why not is the remark
        return Painted("unknown", "dim")
    if backup.problem:
        return state("failed")
    return ago(backup.verified_at) if backup.verified_at else Painted("never", "dim")


def _remark(backup: Any) -> str:
    """What is not as it should be; nothing for most."""
    lacks = f"partial: lacks {', '.join(backup.missing)}" if backup.partial else ""
    return Painted("; ".join(filter(None, (lacks, backup.problem))), "red" if backup.problem else "yellow")


def brief(backup: Any, screen: Screen) -> list[str]:
    """Where a backup stands, without its datastores' parts."""
    return [_headline(backup, screen), *facts(_facts(backup), screen, "  ")]


def card(backup: Any, screen: Screen) -> list[str]:
    """Everything about one backup."""
    stores = [(s.name, _engine(s), str(s.fingerprint.rows), _saved(s), s.fingerprint.digest) for s in backup.datastores]
    parts = [(s.name, part.name, str(part.rows), part.checksum) for s in backup.datastores for part in s.fingerprint.parts]
    positions = [(s.name, _position(s)) for s in backup.datastores if s.position]
    lines = [*brief(backup, screen), "", *laid_out(STORES, stores, screen)]
    lines += ["", "Positions", *facts(positions, screen, "  ")] if positions else []
    return [*lines, "", *laid_out(PARTS, parts, screen)] if parts else lines


def _headline(backup: Any, screen: Screen) -> str:
    word, style = _standing(backup)
    return f"{screen.paint(backup.id, 'bold')}  {backup.tenant}  {screen.paint('●', style)} {word}"


def _standing(backup: Any) -> tuple[str, str]:
    if backup.problem:
        return "not proven", "red"
    if backup.partial:
        return "partial", "yellow"
    return ("proven", "green") if backup.verified_at else ("complete", "cyan")


def _facts(backup: Any) -> list[tuple[str, str]]:
    rows = sum(store.fingerprint.rows for store in backup.datastores)
    pairs = [
        ("kind", backup.kind),
        ("created", f"{moment(backup.created_at)}, {ago(backup.created_at)}"),
        ("of", f"{backup.edition} {backup.release}"),
        ("holds", f"{plural(rows, 'row')} in {', '.join(store.name for store in backup.datastores)}"),
        ("lacks", Painted(", ".join(backup.missing), "yellow") if backup.partial else ""),
        ("size", f"{_size(backup.size_bytes)}, {_size(backup.stored_bytes)} of it new in the repository"),
        ("location", backup.location),
        ("proven", _proven(backup)),
        ("problem", Painted(backup.problem, "red") if backup.problem else ""),
    ]
    return [(label, value) for label, value in pairs if value]


def _proven(backup: Any) -> str:
    if backup.verified_at is None:
        return "never"
    took = f", restored in {span(backup.restore_ms / 1000)}" if backup.restore_ms is not None else ""
    return f"{moment(backup.verified_at)}{took}"


def _engine(store: Any) -> str:
    return f"{store.information.engine} {store.information.version}".strip()


def _saved(store: Any) -> str:
    return _size(sum(stream.size_bytes for stream in store.streams))


def _size(count: int) -> str:
    """An incremental set may well store nothing at all."""
    return size(count) or "0 B"


def _position(store: Any) -> str:
    return " ".join(f"{name}={value}" for name, value in store.position.items())


def drilled(results: Sequence[Mapping[str, Any]], screen: Screen) -> list[str]:
    """What came of proofs, a tenant a line, and the sum of it."""
    columns = (Column("tenant", least=10), Column("result"), Column("what", drop=1, least=20, wrap=True))
    rows = [(r["tenant"], _outcome(r), r["error"]["message"] if r["error"] else _restored(r["backup"])) for r in results]
    if not rows:
        return []
    counts = Counter(r["status"] for r in results)
    words = [f"{counts[word]} {word}" for word in ("proven", "failed", "paused", "held") if counts[word] or word in ("proven", "failed")]
    return [*laid_out(columns, rows, screen), "", ", ".join(words)]


def _restored(backup: Mapping[str, Any]) -> str:
    took = "" if backup["restore_ms"] is None else f", restored in {span(backup['restore_ms'] / 1000)}"
    return f"{backup['id']}{took}"


def kept(results: Sequence[Mapping[str, Any]], screen: Screen) -> list[str]:
    """What came of a prune or a copy."""
    columns = (Column("tenant", least=10), Column("result"), Column("what", drop=1, least=20, wrap=True))
    rows = [(r["tenant"], _outcome(r), r["error"]["message"] if r["error"] else _sets(r)) for r in results]
    return laid_out(columns, rows, screen) if rows else []


def _sets(row: Mapping[str, Any]) -> str:
    count = plural(len(row["backups"]), "backup") if row["backups"] else "no backup"
    return f"{count} {'forgotten ' if row['status'] == 'pruned' else ''}in {row['location']}"


def _outcome(row: Mapping[str, Any]) -> Painted:
    return state(row["status"]) if row["error"] else Painted(f"● {row['status']}", "green", head=True)
