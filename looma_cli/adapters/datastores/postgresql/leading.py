"""What a leader keeps for the one that follows it: a role, a replication slot that holds its log back, and a line of access.

The line comes first in ``pg_hba.conf``, for the first that fits counts and ``all`` does not cover replication.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from looma_cli.adapters.datastores.postgresql.access import APPLICATION, FALLBACKS, Access
from looma_cli.adapters.datastores.postgresql.catalogue import FOLLOWER, LEADER_POSITION
from looma_cli.adapters.datastores.postgresql.session import HINT, Row, Session, as_objects
from looma_cli.errors import BackupFailed, CommandFailed, NotAllowed, NotFound, ReplicationFailed

HBA_MARK = "# looma follower"
_HBA_LINE = f"host replication {FOLLOWER} all scram-sha-256 {HBA_MARK}"
# Run by the server, that tells it the file's path. Written beside it and moved over it: the server may read it at any time.
_WRITE_HBA = """
set -eu
umask 077
read -r file
if [ -z "{line}" ] && ! grep -q "{mark}$" "$file"; then exit 0; fi
if [ -n "{line}" ]; then echo "{line}" >"$file.looma"; else : >"$file.looma"; fi
sed "/{mark}$/d" "$file" >>"$file.looma"
mv -f "$file.looma" "$file"
"""


def _hba(line: str) -> str:
    return f"COPY (SELECT current_setting('hba_file')) TO PROGRAM $looma${_WRITE_HBA.format(line=line, mark=HBA_MARK)}$looma$;"


_RELOAD = as_objects("SELECT pg_reload_conf() AS done")
_END_SENDERS = f"""SELECT pg_terminate_backend(pid, 5000) AS ended FROM pg_stat_activity
WHERE backend_type = 'walsender' AND (usename = '{FOLLOWER}' OR application_name = '{APPLICATION}')"""
_DROP_SLOT = f"SELECT pg_drop_replication_slot(slot_name)::text AS done FROM pg_replication_slots WHERE slot_name = '{FOLLOWER}'"
# One that may not log in cannot come back for its slot. A copy that nobody reads any more ends too.
_DISMISS = rf"""
{_hba("")}
{_RELOAD}
SELECT 'ALTER ROLE {FOLLOWER} NOLOGIN' FROM pg_roles WHERE rolname = '{FOLLOWER}' \gexec
{as_objects(_END_SENDERS)}
{as_objects(_DROP_SLOT)}
SELECT 'DROP ROLE {FOLLOWER}' FROM pg_roles WHERE rolname = '{FOLLOWER}' \gexec
"""
_PLACE = "SELECT current_setting('data_directory') AS directory, current_setting('port') AS port"
_MAKE_SLOT = as_objects(f"SELECT pg_create_physical_replication_slot('{FOLLOWER}', true)::text AS made")
# The password must be in no log, and of the form that the line of access asks for, whatever is set for the database or the role.
_PREPARE = rf"""
\set password %s
{_hba(_HBA_LINE)}
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
                if "does not exist" not in error.message:
                    raise
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


def prepare(access: Access) -> tuple[Row, str]:
    """For one follower, the only one from now on: where things are (``directory``, ``port``), and its new password."""
    password = secrets.token_hex(24)
    with administration(access) as session:
        session.run(_DISMISS)
        session.run(_PREPARE % password)
        return session.rows(_PLACE)[0], password


def dismiss(access: Access) -> None:
    """Idempotent. Raises ReplicationFailed when a follower will not let go."""
    with administration(access) as session:
        session.run(_DISMISS)


def position(access: Access) -> Mapping[str, str]:
    with administration(access) as session:
        return session.rows(LEADER_POSITION)[0]
