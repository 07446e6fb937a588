"""How names and values are written in SQL, and how the client's ``--batch`` output is read (mysql(1): "mysql Client Options")."""

from __future__ import annotations

import re

Row = tuple[str, ...]

_ESCAPED = re.compile(r"\\([0tn\\])")
_MEANING = {"0": "\0", "t": "\t", "n": "\n", "\\": "\\"}


def identifier(*names: str) -> str:
    """``a.b`` of names, each in backquotes."""
    return ".".join(f"`{name.replace('`', '``')}`" for name in names)


def literal(value: str) -> str:
    """For a session without NO_BACKSLASH_ESCAPES."""
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def account(user: str, host: str) -> str:
    """``'user'@'host'``; a role of MariaDB has no host."""
    return f"{literal(user)}@{literal(host)}" if host else literal(user)


def row(line: bytes) -> Row:
    """One line of the client's output: columns by tabs, special characters escaped; NULL reads as ``NULL``."""
    text = line.decode("utf-8", errors="surrogateescape")
    return tuple(_ESCAPED.sub(lambda found: _MEANING[found[1]], column) for column in text.split("\t"))
