"""One server follows another: a copy of one moment of the leader, streamed into it, and from there on the leader's binary log.

A follower differs from the leader in what lies in its memory only: a number of its own, read-only for clients, its scheduler of events.
A restart while it follows loses that, and with the number it stops following: ``reached`` says so, and ``follow`` runs again. Its own
binary log begins anew, and has what clients write after ``promote``.

Run on MariaDB 10.11. Written for MySQL 8.4 by its reference, and not seen working there. Limits: a table without any key is searched
from its beginning for every changed row; a change of definitions while the copy is made fails it; a row that the leader drops from its
log before the follower has it (binlog-expire-logs-seconds) ends the following.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

from looma_cli.adapters.datastores.mysql import events
from looma_cli.adapters.datastores.mysql.accounts import FOLLOWER
from looma_cli.adapters.datastores.mysql.client import Client
from looma_cli.adapters.datastores.mysql.held import position as log_position
from looma_cli.adapters.datastores.mysql.moment import moment
from looma_cli.adapters.datastores.mysql.replica import begin, empty_log, forget_leader, status
from looma_cli.adapters.datastores.mysql.restore import restore
from looma_cli.adapters.datastores.mysql.session import SERVER_HINT, Session, opened
from looma_cli.adapters.datastores.mysql.text import account, literal
from looma_cli.errors import BackupFailed, ReplicationFailed

QUESTION_SECONDS = 60
AGAIN_HINT = "the next try copies it again"
_ACCOUNT = account(FOLLOWER, "%")
_NUMBERS = range(1 << 16, 1 << 32)  # of servers; 1 is what every component begins with


@contextmanager
def asked(client: Client) -> Iterator[Session]:
    """A short session. Raises ReplicationFailed."""
    with as_replication(), opened(client, idle_seconds=QUESTION_SECONDS, mark="") as session:
        yield session


@contextmanager
def as_replication() -> Iterator[None]:
    try:
        yield
    except BackupFailed as error:
        raise ReplicationFailed(error.message, error.hint) from error


def obstacle(leader: Client, follower: Client) -> str:
    """See Datastore."""
    with asked(leader) as session:
        theirs, own_reason = _family(session), _reason_of_leader(session)
    with asked(follower) as session:
        ours = _family(session)
    return own_reason or ("" if theirs == ours else f"it is {' '.join(ours)}, the other is {' '.join(theirs)}")


def _family(session: Session) -> tuple[str, ...]:
    """What must be equal: rows are compared by checksums of a version, and names of tables by one rule."""
    version = session.version
    case = session.value("SELECT @@lower_case_table_names")
    return ("MariaDB" if version.mariadb else "MySQL", ".".join(map(str, version.number[:2])), f"(lower_case_table_names {case})")


def _reason_of_leader(session: Session) -> str:
    if session.value("SELECT @@log_bin") != "1":
        return "the other has no binary log"
    if (form := session.value("SELECT @@binlog_format")) != "ROW":
        return f"the other's binary log is of the form {form}, not ROW"
    return "the other follows a server itself" if status(session) else ""


def follow(leader: Client, follower: Client, address: str, progress: Callable[[str], None]) -> None:
    """See Datastore."""
    with as_replication():
        scheduler = _prepare(leader, follower)
        position = _copied(leader, follower, address, progress)
        password = _account_made(leader)
        with asked(follower) as session:
            events.mark(session)
            session.each(_scheduler(session, scheduler))
            begin(session, address, FOLLOWER, password, position)
    progress(f"following {address}")


def _prepare(leader: Client, follower: Client) -> str:
    """Nobody but looma changes the follower from here on. Returns the leader's ``event_scheduler``."""
    with asked(leader) as session:
        scheduler = session.value("SELECT @@event_scheduler")
        taken = session.value("SELECT @@server_id")
    with asked(follower) as session:
        forget_leader(session)
        number = next(one for one in iter(lambda: secrets.choice(_NUMBERS), None) if str(one) != taken)
        session.each(["SET GLOBAL read_only = ON", f"SET GLOBAL server_id = {number}", *_scheduler(session, "OFF"), empty_log(session)])
        if session.version.mariadb:
            session.rows("SET GLOBAL gtid_slave_pos = ''")
    return scheduler


def _scheduler(session: Session, wanted: str) -> list[str]:
    """One that is disabled is so from the server's start to its end."""
    found = session.value("SELECT @@event_scheduler")
    return [] if "DISABLED" in (found, wanted) else [f"SET GLOBAL event_scheduler = {wanted}"]


def _copied(leader: Client, follower: Client, address: str, progress: Callable[[str], None]) -> Mapping[str, str]:
    """From server to server through looma, and to no disk between them; the moment's position in the leader's log."""
    with moment(leader, together=True) as copy:
        copy.release()
        if not copy.position:
            raise ReplicationFailed(f"{address} has no binary log", "its component's command must have --log-bin")
        progress(f"copying {address}")
        restore(follower, {name: partial(copy.dump, name) for name in copy.streams}, progress, together=True)
        return copy.position


def _account_made(leader: Client) -> str:
    """A follower's account on the leader, with a password of this follow; sessions of looma's are not in the log, so it stays there."""
    password = secrets.token_urlsafe(24)
    with asked(leader) as session:
        session.each(
            [
                f"DROP USER IF EXISTS {_ACCOUNT}",
                f"CREATE USER {_ACCOUNT} IDENTIFIED BY {literal(password)}",
                f"GRANT REPLICATION SLAVE ON *.* TO {_ACCOUNT}",
            ]
        )
    return password


def position(leader: Client) -> Mapping[str, str]:
    with asked(leader) as session:
        return log_position(session)


def reached(follower: Client, position: Mapping[str, str]) -> bool:
    """See Datastore. A server that was started again may have taken writes: what it holds is nothing to rely on."""
    with asked(follower) as session:
        found = status(session)
        if found is None:
            raise ReplicationFailed("the server follows nobody", AGAIN_HINT)
        if session.value("SELECT @@read_only") != "1":
            raise ReplicationFailed("the server was started again while it followed", AGAIN_HINT)
        if found.covers(position):
            events.disable(session, position.get("disabled_events", ""))
            return True
    if found.problem:
        raise ReplicationFailed(f"the server follows no more: {found.problem}", f"{AGAIN_HINT}; {SERVER_HINT}")
    return False


def promote(follower: Client) -> None:
    """Writes first: the few events that there are come after."""
    with asked(follower) as session:
        forget_leader(session)
        session.rows("SET GLOBAL read_only = OFF")
        events.unmark(session)


def dismiss(leader: Client) -> None:
    """Followers that still read the log are cut off; their threads would otherwise outlive their account."""
    with asked(leader) as session:
        session.rows(f"DROP USER IF EXISTS {_ACCOUNT}")
        found = session.rows(f"SELECT id FROM information_schema.processlist WHERE user = {literal(FOLLOWER)}")
    for (number,) in found:
        with suppress(ReplicationFailed), asked(leader) as session:  # it may have gone by itself
            session.rows(f"KILL {number}")
