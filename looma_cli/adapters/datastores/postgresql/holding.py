"""Writers of every database wait, so that a follower can come to exactly the moment that is taken meanwhile.

Tables are locked in a session of each database. A writer that has one table and wants another, while we wait for the first and have the
other, is in a deadlock with us; the server would end whichever of the two looks first. So we look soon, which also makes autovacuum give
way, and give up before the writer looks; then we try again. Not held: what defines functions, policies, grants; and sequences, which may
step on: they are read before the position is, so a follower at the position is as far at least.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress

from looma_cli.adapters.datastores.postgresql.access import Access
from looma_cli.adapters.datastores.postgresql.catalogue import HOLD_STATEMENT, LEADER_POSITION
from looma_cli.adapters.datastores.postgresql.session import Session
from looma_cli.errors import BackupFailed

ATTEMPTS = 12
# deadlock_timeout is the time after which a waiter looks; ours must be over in four fifths of everybody else's, with all tables.
_LOCK = rf"""
{HOLD_STATEMENT}
SELECT ceil(setting::int * 0.8)::int AS patience FROM pg_settings WHERE name = 'deadlock_timeout' \gset
SET deadlock_timeout = '50ms'; SET idle_in_transaction_session_timeout = '5min';
BEGIN;
SET LOCAL statement_timeout = :patience;
:hold_tables;
SET LOCAL statement_timeout = 0;
"""


class Hold:
    """Taken while a moment is (see ``snapshots``); nothing on a standby, where nobody writes."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._sessions: list[Session] = []
        self._clock: Session | None = None

    def take(self, sessions: ExitStack, first: Session, names: Sequence[str]) -> None:
        """In the databases of these names, for as long as ``sessions`` live. Raises BackupFailed when a writer takes too long."""
        self._sessions, self._clock = [], None
        if first.rows("SELECT pg_is_in_recovery() AS standby")[0]["standby"]:
            return
        opened = [sessions.enter_context(self._access.session(name)) for name in (names[0], *names)]
        opened[0].run("SET synchronous_commit = local;")
        for session in opened[1:]:
            session.send(_LOCK)
        for session in opened[1:]:
            session.answer()
        self._clock, self._sessions = opened[0], opened[1:]

    @property
    def position(self) -> Mapping[str, str] | None:
        """The end of the log, with all that is held back after it."""
        return self._clock.rows(LEADER_POSITION)[0] if self._clock else None

    def release(self) -> None:
        for session in self._sessions:
            with suppress(BackupFailed):  # one that has ended holds nobody
                session.run("ROLLBACK;")
        self._sessions = []
