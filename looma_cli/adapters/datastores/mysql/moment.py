"""One consistent moment of a server: a session's snapshot, and a dump whose transaction began while nobody could write."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress

from looma_cli.adapters.datastores.mysql.accounts import account_part, accounts, as_sql, definers_as_sql
from looma_cli.adapters.datastores.mysql.client import Client
from looma_cli.adapters.datastores.mysql.definitions import definitions
from looma_cli.adapters.datastores.mysql.dump import Dump, options
from looma_cli.adapters.datastores.mysql.fingerprint import begin_snapshot, sequence_parts, table_parts
from looma_cli.adapters.datastores.mysql.held import position, tables_held, writes_held
from looma_cli.adapters.datastores.mysql.inventory import inventory
from looma_cli.adapters.datastores.mysql.session import Session, global_setting, opened
from looma_cli.adapters.datastores.mysql.views import views_as_sql
from looma_cli.errors import BackupFailed
from looma_cli.model.backup import Fingerprint, FingerprintPart

DEFINERS, DATA, VIEWS, ACCOUNTS = "definers", "data", "views", "accounts"  # views need their definers, grants on a table need the table
IDLE_SECONDS = 7 * 24 * 3600  # a snapshot holds nobody back; it may wait while a long dump is read
PATIENT_SECONDS = 3600  # how long the server waits for a reader of the dump that has no time, instead of one minute


class MysqlMoment:
    """Implements ``Moment``. Everything that no snapshot covers (definitions, accounts) is read before ``release``.

    Definitions that were changed while the dump ran make it fail at its end: it may have either form.
    """

    def __init__(self, client: Client, session: Session, stack: ExitStack, *, together: bool) -> None:
        self._client = client
        self._together = together
        self._session = session
        self._one_at_a_time = threading.Lock()  # a release may come while another thread takes the fingerprint
        self._held = True
        begin_snapshot(session)
        self.position: Mapping[str, str] = position(session)
        self._inventory = inventory(session)
        self._tables_held = tables_held(client, self._inventory.unprotected, stack)
        self.streams: tuple[str, ...] = (DEFINERS, DATA, VIEWS, ACCOUNTS) if self._inventory.schemas else (ACCOUNTS,)
        with global_setting(session, "net_write_timeout", PATIENT_SECONDS):
            self._dump = self._begin(stack)
            self._definitions = definitions(session, self._inventory)
            self._others, self._texts = self._accounts_and_views()
            if self._dump:
                self._dump.begun(self.position)

    def _begin(self, stack: ExitStack) -> Dump | None:
        if not self._inventory.schemas:
            return None
        version, binary_log = self._session.version, bool(self.position)
        return Dump(self._client, options(version, self._inventory, binary_log=binary_log, together=self._together), stack)

    def _accounts_and_views(self) -> tuple[list[FingerprintPart], Mapping[str, str]]:
        session, found = self._session, accounts(self._session)
        texts = {
            DEFINERS: definers_as_sql(session, found),
            VIEWS: views_as_sql(session, self._inventory),
            ACCOUNTS: as_sql(session, found),
        }
        return [account_part(found), *sequence_parts(session, self._inventory)], texts

    def release(self) -> None:
        """A session that the server has ended holds nobody back either; then ``fingerprint`` fails."""
        with self._one_at_a_time, suppress(BackupFailed):
            if self._held:
                self._session.each(["UNLOCK TABLES", f"SET SESSION wait_timeout = {IDLE_SECONDS}"])
            self._held = False

    def fingerprint(self) -> Fingerprint:
        with self._one_at_a_time:
            rows = table_parts(self._session, self._inventory)
        self._check_tables_held()
        return assembled([*rows, *self._definitions, *self._others])

    @contextmanager
    def dump(self, stream: str) -> Iterator[Iterator[bytes]]:
        text = self._texts[stream] or f"-- no {stream}\n" if stream != DATA else ""  # nobody takes an empty dump for a good one
        yield self._data() if stream == DATA else iter([text.encode("utf-8", errors="surrogateescape")])

    def _data(self) -> Iterator[bytes]:
        if self._dump is None:
            raise BackupFailed("this server has no schemas to dump", "its only stream is that of the accounts")
        yield from self._dump.pieces()
        self._check_definitions()
        self._check_tables_held()

    def _check_definitions(self) -> None:
        with opened(self._client, idle_seconds=IDLE_SECONDS) as session:
            present = definitions(session, inventory(session))
        changed = sorted({one.name for one in set(present) ^ set(self._definitions)})
        if changed:
            raise BackupFailed(f"changed while the dump ran: {', '.join(changed)}", "back up again when the change is through")

    def _check_tables_held(self) -> None:
        """Fails when the server has ended the session, and with it let others write."""
        if self._tables_held:
            with self._one_at_a_time:
                self._tables_held.rows("SELECT 1")


def assembled(parts: list[FingerprintPart]) -> Fingerprint:
    return Fingerprint(tuple(sorted(parts, key=lambda one: one.name)))


@contextmanager
def moment(client: Client, *, together: bool = False) -> Iterator[MysqlMoment]:
    """``together``: a dump to be loaded at once, not to be kept. Raises BackupFailed."""
    with ExitStack() as stack:
        session = writes_held(client, stack)
        yield MysqlMoment(client, session, stack, together=together)
