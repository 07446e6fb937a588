"""Scheduled events of a follower: they run on its leader alone, and here again from ``promote`` on.

The server itself marks those that come over by replication, and thereby loses which of them are disabled on the leader (seen on MariaDB
10.11); a position of the leader therefore says so. Those that were copied are marked here. What is marked at the end becomes enabled, also
what somebody had marked so on the leader. Source: MySQL's reference, "Replication of Invoked Features".
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from looma_cli.adapters.datastores.mysql.session import Session
from looma_cli.adapters.datastores.mysql.text import Row, account, identifier, literal

MARKED = ("SLAVESIDE_DISABLED", "REPLICA_SIDE_DISABLED")
_COLUMNS = "event_schema, event_name, definer, character_set_client, collation_connection"
_MARK = re.compile(r"( ON COMPLETION (?:NOT )?PRESERVE )DISABLE ON (?:SLAVE|REPLICA)\b")


def mark(session: Session) -> None:
    """Nothing runs meanwhile: the scheduler is off."""
    _alter(session, _with_status(session, "ENABLED"), "DISABLE ON SLAVE" if session.version.mariadb else "DISABLE ON REPLICA")


def unmark(session: Session) -> None:
    _alter(session, _with_status(session, *MARKED), "ENABLE")


def disabled(session: Session) -> str:
    """Those of a leader, as JSON; empty for none."""
    found = [row[:2] for row in _with_status(session, "DISABLED")]
    return json.dumps(sorted(found)) if found else ""


def disable(session: Session, named: str) -> None:
    """Those among them that are marked here. ``named`` as ``disabled`` gives it."""
    wanted = {tuple(name) for name in json.loads(named or "[]")}
    if wanted:
        _alter(session, [row for row in _with_status(session, *MARKED) if row[:2] in wanted], "DISABLE")


def without_mark(text: str) -> str:
    """``SHOW CREATE EVENT`` as it is on the leader, so that both have the same fingerprint."""
    return _MARK.sub(r"\1ENABLE", text, count=1)


def _with_status(session: Session, *statuses: str) -> list[Row]:
    return session.rows(f"SELECT {_COLUMNS} FROM information_schema.events WHERE status IN ({', '.join(map(literal, statuses))})")


def _alter(session: Session, found: Sequence[Row], wanted: str) -> None:
    """Who alters an event becomes its definer, and the session's character set its own, unless told otherwise."""
    session.each([statement for row in found for statement in _altered(row, wanted)])


def _altered(row: Row, wanted: str) -> list[str]:
    schema, name, definer, characters, collation = row
    user, _, host = definer.rpartition("@")
    return [
        f"SET SESSION character_set_client = {characters}, collation_connection = {collation}",
        f"ALTER DEFINER = {account(user, host)} EVENT {identifier(schema, name)} {wanted}",
    ]
