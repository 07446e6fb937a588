"""Following by the server's own physical replication: a copy of the leader's files, and from then on its log.

That carries everything: large objects, sequences, definitions, roles, extensions; all but unlogged tables. The copy goes through a pipe,
``pg_basebackup`` in the leader's container to ``tar`` beside the follower's, which stands still meanwhile. The first file that is written
says that this is a standby, and the last that comes is the one without which no server starts: half a copy serves nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from looma_cli.adapters.datastores.postgresql.access import Access
from looma_cli.adapters.datastores.postgresql.catalogue import FOLLOWER
from looma_cli.adapters.datastores.postgresql.leading import HBA_MARK, prepare, replication_errors
from looma_cli.adapters.datastores.postgresql.session import last_words
from looma_cli.adapters.datastores.postgresql.standby import check, serious, state_of
from looma_cli.errors import CommandFailed, NotAllowed, NotFound, ReplicationFailed
from looma_cli.model.protocols import Program

REPORT_BYTES = 64 << 20
START_SECONDS = 600.0  # the copy is synchronised, and what was logged meanwhile replayed, before it answers
PAUSE_SECONDS = 0.05
HINT = "looma tenant logs TENANT postgresql shows what happened"
# The slot keeps the log from before the copy's start, so the copy needs none of it.
_BACKUP = ("pg_basebackup", "--pgdata=-", "--format=tar", "--wal-method=none", "--checkpoint=fast", "--no-manifest", "--no-password")
COMPLETE = "looma: copy complete"
# It writes 4 KiB at a time, which costs the engine more than all the rest; a pipeline's status is that of its end, so it says how it ended.
_PIPELINE = f'{{ "$@" && echo "{COMPLETE}" >&2; }} | dd obs=256k status=none'
_COPY = ("sh", "-c", _PIPELINE, "sh", *_BACKUP)
# Its input: settings, a line with a dot, the archive. Names that an image takes as a sign of a first start are not removed before they
# come again. Of the leader's own things only the access for its follower stays there.
_REPLACE = f"""
set -eu
umask 077
cd "$1"
owner=$(stat -c %u:%g .)
: >standby.signal
find . -mindepth 1 -maxdepth 1 ! -name standby.signal ! -name PG_VERSION ! -name .initialised -exec rm -rf {{}} +
while IFS= read -r line && [ "$line" != . ]; do printf '%s\\n' "$line"; done >standby.signal
tar -x -f -
sed '/{HBA_MARK}$/d' pg_hba.conf >pg_hba.conf.looma
mv -f pg_hba.conf.looma pg_hba.conf
cat standby.signal >>postgresql.auto.conf
chown -R "$owner" .
"""


def follow(access: Access, leader: Access, address: str, progress: Callable[[str], None]) -> None:
    """Raises ReplicationFailed, EngineUnavailable."""
    with replication_errors(access):
        access.engine.end_beside(access.workload)
    place, password = prepare(leader)
    progress("copying")
    with replication_errors(access):
        access.engine.switch(access.workload, on=False)
        _copy(access, leader, place["directory"], _settings(address, place["port"], password), progress)
        progress("starting")
        started = time.time()
        access.engine.switch(access.workload, on=True)
    _wait(access, started)
    progress("following")


def _settings(address: str, port: str, password: str) -> str:
    """Readers here keep the leader from vacuuming what they see, and replay waits for them, but not for one who forgot to end."""
    account = {"user": FOLLOWER, "password": password, "application_name": FOLLOWER}
    conninfo = {"host": address, "port": port, **account, "connect_timeout": "10"}
    settings = {
        "primary_conninfo": " ".join(f"{name}={_quoted(value)}" for name, value in conninfo.items()),
        "primary_slot_name": FOLLOWER,
        "hot_standby_feedback": "on",
        "max_standby_streaming_delay": "15min",
        "max_standby_archive_delay": "15min",
        "wal_retrieve_retry_interval": "500ms",
    }
    return "".join(f"{name} = {_quoted(value, double=True)}\n" for name, value in settings.items())


def _quoted(value: str, *, double: bool = False) -> str:
    """For a connection string, or for the server's settings, where a quote is doubled."""
    escaped = value.replace("\\", "\\\\")
    return "'" + escaped.replace("'", "''" if double else "\\'") + "'"


def _copy(access: Access, leader: Access, directory: str, settings: str, progress: Callable[[str], None]) -> None:
    replace: Sequence[str] = ["sh", "-c", _REPLACE, "sh", directory]
    with (
        access.engine.open_beside(access.workload, access.workload.image, replace, read_only=False) as target,
        leader.program(_COPY) as source,
    ):
        with _reasons(source, target):
            target.write(f"{settings}.\n".encode())
            for chunk in _reported(iter(source.read, b""), progress):
                target.write(chunk)
        if source.finish() or not source.errors().rstrip().endswith(COMPLETE):
            raise ReplicationFailed(f"the copy of {leader.workload.component} ended early: {last_words(source)}", HINT)
        target.close_input()
        if target.finish():
            raise _not_written(target)


@contextmanager
def _reasons(source: Program, target: Program) -> Iterator[None]:
    try:
        yield
    except CommandFailed as error:
        raise _not_written(target) from error


def _not_written(target: Program) -> ReplicationFailed:
    return ReplicationFailed(f"the copy cannot be written: {last_words(target)}", "is there space left on the host? looma doctor checks")


def _reported(chunks: Iterator[bytes], progress: Callable[[str], None]) -> Iterator[bytes]:
    size = reported = 0
    for chunk in chunks:
        yield chunk
        size += len(chunk)
        if size - reported >= REPORT_BYTES:
            progress(f"{size >> 20} MiB")
            reported = size


def _wait(access: Access, started: float) -> None:
    """Until the log streams. Raises ReplicationFailed with the server's own reason."""
    deadline = time.monotonic() + START_SECONDS
    while (state := state_of(access)) is None or state["receiver"] != "streaming":
        if state is not None:
            check(access, state)
        if time.monotonic() > deadline or _has_ended(access):
            reasons = list(serious(access, f"{started:.3f}")) or ["it does not say why"]
            raise ReplicationFailed(f"{access.workload.component} does not come up as a follower: {reasons[-1]}", HINT)
        time.sleep(PAUSE_SECONDS)


def _has_ended(access: Access) -> bool:
    """Of a server that went down by itself, its container too."""
    try:
        return access.engine.execute(access.workload, ["true"])[0] != 0
    except (NotAllowed, NotFound):
        return True
