"""Sessions that hold writers back: the whole server for the moment, single tables where no snapshot covers them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from looma_cli.adapters.datastores.mysql import events
from looma_cli.adapters.datastores.mysql.client import Client
from looma_cli.adapters.datastores.mysql.inventory import Table
from looma_cli.adapters.datastores.mysql.session import Session, opened
from looma_cli.errors import BackupFailed

HELD_SECONDS = 30  # the server itself lets writes go on when looma, or its host, has been silent for so long
TABLES_HELD_SECONDS = 6 * 3600
TRIES, TRY_SECONDS, PAUSE_SECONDS = 10, 1, 0.5
_LOCK_WAIT_TIMEOUT = "ERROR 1205 "


def writes_held(client: Client, stack: ExitStack, tries: int = TRIES) -> Session:
    """A session with the global read lock, entered into ``stack``.

    Statements that change something are waited for; behind the lock's request all others wait too, so it is asked for shortly, several
    times. Queries do not matter. Raises BackupFailed where a statement runs for too long.
    """
    for attempt in range(tries):
        time.sleep(PAUSE_SECONDS * bool(attempt))
        with ExitStack() as trial:
            session = trial.enter_context(opened(client, idle_seconds=HELD_SECONDS))
            if _locked(session):
                stack.push(trial.pop_all())
                return session
    raise BackupFailed(
        "writes could not be held back: a statement that changes data runs for too long", "SHOW PROCESSLIST names it; try later"
    )


def _locked(session: Session) -> bool:
    try:
        session.each([f"SET SESSION lock_wait_timeout = {TRY_SECONDS}", "FLUSH TABLES WITH READ LOCK"])
    except BackupFailed as error:
        if _LOCK_WAIT_TIMEOUT in error.message:
            return False
        raise
    return True


def tables_held(client: Client, tables: Sequence[Table], stack: ExitStack) -> Session | None:
    """A session that lets nobody write to these tables until ``stack`` ends; None for none. Taken while all writes are held back."""
    if not tables:
        return None
    session = stack.enter_context(opened(client, idle_seconds=TABLES_HELD_SECONDS))
    session.rows(f"LOCK TABLES {', '.join(f'{table.identifier} READ' for table in tables)}")
    return session


def position(session: Session) -> Mapping[str, str]:
    """Where the binary log stands: ``file``, ``position`` and ``gtid``; nothing where the server writes none. ``disabled_events``, if there
    are any: what a follower cannot learn from the log."""
    if session.value("SELECT @@log_bin") != "1":
        return {}
    mariadb = session.version.mariadb
    binary_log = "MASTER" if mariadb or session.version.number < (8, 2) else "BINARY LOG"
    status = session.rows(f"SHOW {binary_log} STATUS")[0]
    gtid = session.value(f"SELECT @@{'gtid_binlog_pos' if mariadb else 'gtid_executed'}")
    disabled = events.disabled(session)
    return {"file": status[0], "position": status[1], "gtid": gtid.replace("\n", ""), **({"disabled_events": disabled} if disabled else {})}
