"""What a leader keeps for the one that follows it: a role, a replication slot that holds its log back, and a line of access.

The line comes first in ``pg_hba.conf``, for the first that fits counts and ``all`` does not cover replication.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from looma_cli.adapters.datastores.postgresql.access import APPLICATION, FALLBACKS, Access
from looma_cli.adapters.datastores.postgresql.catalogue import FOLLOWER, LEADER_POSITION
from looma_cli.adapters.datastores.postgresql.session import HINT, Session, as_objects
from looma_cli.errors import BackupFailed, CommandFailed, NotAllowed, NotFound, ReplicationFailed

ATTEMPTS = 3
HBA_MARK = "# looma follower"
_HBA_LINE = f"host replication {FOLLOWER} all scram-sha-256 {HBA_MARK}"
# Written beside it and moved over it: the server may read it at any time.
_WRITE_HBA = f"""
set -eu
umask 077
if [ -z "$2" ] && ! grep -q '{HBA_MARK}$' "$1"; then exit 0; fi
if [ -n "$2" ]; then printf '%s\\n' "$2" >"$1.looma"; else : >"$1.looma"; fi
sed '/{HBA_MARK}$/d' "$1" >>"$1.looma"
mv -f "$1.looma" "$1"
"""
_RELOAD = as_objects("SELECT pg_reload_conf() AS done")
_END_SENDERS = f"""SELECT pg_terminate_backend(pid, 5000) AS ended FROM pg_stat_activity
WHERE backend_type = 'walsender' AND (usename = '{FOLLOWER}' OR application_name = '{APPLICATION}')"""
_DROP_SLOT = f"SELECT pg_drop_replication_slot(slot_name)::text AS done FROM pg_replication_slots WHERE slot_name = '{FOLLOWER}'"
# One that may not log in cannot come back for its slot. A copy that nobody reads any more ends too.
_DISMISS = rf"""
{_RELOAD}
SELECT 'ALTER ROLE {FOLLOWER} NOLOGIN' FROM pg_roles WHERE rolname = '{FOLLOWER}' \gexec
{as_objects(_END_SENDERS)}
{as_objects(_DROP_SLOT)}
SELECT 'DROP ROLE {FOLLOWER}' FROM pg_roles WHERE rolname = '{FOLLOWER}' \gexec
"""
_MAKE_SLOT = as_objects(f"SELECT pg_create_physical_replication_slot('{FOLLOWER}', true)::text AS made")
# The password must be in no log, and of the form that the line of access asks for, whatever is set for the database or the role.
_PREPARE = f"""
SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';
SET password_encryption = 'scram-sha-256';
CREATE ROLE {FOLLOWER} LOGIN REPLICATION PASSWORD :'password';
{_MAKE_SLOT}
{_RELOAD}
"""


@contextmanager
def administration(access: Access) -> Iterator[Session]:
    """A session of our account in a database that is there. Raises ReplicationFailed for whatever the server refuses."""
    with replication_errors(access), ExitStack() as stack:
        yield _open(access, stack)


def _open(access: Access, stack: ExitStack) -> Session:
    """A restore that was cut short may have left no database but template1."""
    errors: list[BackupFailed] = []
    for database in dict.fromkeys((access.database, *FALLBACKS)):
        with ExitStack() as one:
            try:
                session = one.enter_context(access.session(database, mark=""))
                session.run("SET synchronous_commit = local;")
            except BackupFailed as error:
                errors.append(error)
                continue
            stack.push(one.pop_all())
            return session
    raise errors[0]


@contextmanager
def replication_errors(access: Access) -> Iterator[None]:
    """Raises ReplicationFailed for what goes wrong within."""
    try:
        yield
    except (BackupFailed, CommandFailed, NotAllowed, NotFound) as error:
        where = access.workload.component
        message = error.message if error.message.startswith(where) else f"{where}: {error.message}"
        raise ReplicationFailed(message, error.hint or HINT) from error


def prepare(access: Access) -> str:
    """For one follower, the only one from now on; its new password."""
    dismiss(access)
    password = secrets.token_hex(24)
    with administration(access) as session:
        _write_hba(access, session, _HBA_LINE)
        session.run(f"\\set password {password}\n{_PREPARE}")
    return password


def dismiss(access: Access) -> None:
    """Idempotent. Raises ReplicationFailed when a follower will not let go."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with administration(access) as session:
                _write_hba(access, session, "")
                session.run(_DISMISS)
            return
        except ReplicationFailed:
            if attempt == ATTEMPTS:
                raise


def _write_hba(access: Access, session: Session, line: str) -> None:
    file = session.rows("SELECT current_setting('hba_file') AS path")[0]["path"]
    code, output = access.engine.execute(access.workload, ["sh", "-c", _WRITE_HBA, "sh", file, line])
    if code:
        raise BackupFailed(f"{file} cannot be written: {output.strip()}", HINT)


def position(access: Access) -> Mapping[str, str]:
    with administration(access) as session:
        return session.rows(LEADER_POSITION)[0]
