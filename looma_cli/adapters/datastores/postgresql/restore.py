"""Into a server of the same image: everything of its databases and roles is replaced by what the dump holds.

May be run again after it was cut short: it begins by removing what is there. Sessions work in template1, which is never replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from looma_cli.adapters.datastores.postgresql.access import OPTIONS, RESTORE, Access, connection_to, psql
from looma_cli.adapters.datastores.postgresql.dump import GLOBALS, database_of
from looma_cli.adapters.datastores.postgresql.globals import COMPLETE
from looma_cli.adapters.datastores.postgresql.session import HINT, last_words
from looma_cli.errors import BackupFailed, CommandFailed
from looma_cli.model.protocols import Chunks, Program

WORKPLACE = "template1"
REPORT_BYTES = 16 << 20
_MEBIBYTE = 1 << 20
_LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # cgroups of version 2 and 1
# Role 10 is the one that the cluster was made by: it cannot be dropped, and is altered to what the dump says of it.
_OTHERS = "rolname !~ '^pg_' AND rolname <> current_user AND oid <> 10"
_EMPTY = rf"""
ALTER ROLE CURRENT_USER RESET ALL;
ALTER ROLE ALL RESET ALL;
SELECT format('ALTER DATABASE %I IS_TEMPLATE false', datname) FROM pg_database WHERE datistemplate AND datconnlimit <> -2
    AND datname NOT IN ('template0', 'template1') \gexec
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE datname NOT IN ('template0', 'template1') \gexec
SELECT format('DROP OWNED BY %I CASCADE', rolname) FROM pg_authid WHERE {_OTHERS} \gexec
SELECT format('DROP ROLE %I', rolname) FROM pg_authid WHERE {_OTHERS} \gexec
"""


def restore(access: Access, streams: Mapping[str, Callable[[], Chunks]], progress: Callable[[str], None]) -> None:
    """Raises BackupFailed."""
    if GLOBALS not in streams:
        raise BackupFailed("this dump of postgresql lacks its roles", "take another backup; looma backup list shows older ones")
    databases = {name: database_of(name) for name in streams if name != GLOBALS}
    options = _options(access)
    progress("removing what is there")
    with access.session(WORKPLACE, RESTORE) as session:
        session.run(_EMPTY)
    progress("roles")
    with streams[GLOBALS]() as chunks:
        _restore_globals(access, chunks)
    for name, database in databases.items():
        with streams[name]() as chunks:
            _restore_database(access, options, database, _reported(chunks, database, progress))
    for database in databases.values():
        progress(f"{database}: gathering statistics")
        with access.session(database, RESTORE) as session:
            session.run("ANALYZE;")  # its commit also brings to the disk what the others left in memory


def _options(access: Access) -> dict[str, str]:
    """A vector index that does not fit into the memory for maintenance cannot be built at all; parallel builders would want it all in the
    container's /dev/shm, which has 64 MiB."""
    _, output = access.engine.execute(access.workload, ["cat", *_LIMIT_FILES])
    limits = [int(line) for line in output.split() if line.isdecimal() and int(line) < 1 << 50]
    memory = max(64, min(1024, min(limits, default=_MEBIBYTE << 10) // 3 // _MEBIBYTE))
    return {**OPTIONS, "synchronous_commit": "off", "maintenance_work_mem": f"{memory}MB", "max_parallel_maintenance_workers": "0"}


def _restore_globals(access: Access, chunks: Iterable[bytes]) -> None:
    with access.program(psql(WORKPLACE, "--single-transaction", "--file=-"), RESTORE) as program:
        _feed(program, chunks, "the roles")
        output = b"".join(iter(program.read, b""))
        _finish(program, "the roles")
    if not output.endswith(COMPLETE.encode() + b"\n"):
        raise BackupFailed("the roles in this dump are not complete", "looma backup verify checks the repository")


def _restore_database(access: Access, options: Mapping[str, str], database: str, chunks: Iterable[bytes]) -> None:
    command = ["pg_restore", "--no-password", "--create", "--exit-on-error", "--no-tablespaces", f"--dbname={connection_to(WORKPLACE)}"]
    with access.program(command, RESTORE, options) as program:
        _feed(program, chunks, f"database {database}")
        _finish(program, f"database {database}")


def _feed(program: Program, chunks: Iterable[bytes], what: str) -> None:
    try:
        for chunk in chunks:
            program.write(chunk)
    except CommandFailed as error:
        raise _refused(program, what) from error
    program.close_input()


def _finish(program: Program, what: str) -> None:
    if program.finish():
        raise _refused(program, what)


def _refused(program: Program, what: str) -> BackupFailed:
    return BackupFailed(f"{what} could not be restored: {last_words(program)}", HINT)


def _reported(chunks: Iterable[bytes], database: str, progress: Callable[[str], None]) -> Iterator[bytes]:
    size = reported = 0
    progress(f"{database}: begun")
    for chunk in chunks:
        yield chunk
        size += len(chunk)
        if size - reported >= REPORT_BYTES:
            progress(f"{database}: {size >> 20} MiB")
            reported = size
    progress(f"{database}: {size >> 20} MiB read, building indexes")
