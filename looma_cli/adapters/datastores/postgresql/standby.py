"""A standby: how far it has come, why it comes no further, and how it becomes a server of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from looma_cli.adapters.datastores.postgresql.access import Access
from looma_cli.adapters.datastores.postgresql.catalogue import FOLLOWER
from looma_cli.adapters.datastores.postgresql.leading import administration
from looma_cli.adapters.datastores.postgresql.session import HINT, Row, as_objects
from looma_cli.errors import EngineUnavailable, LoomaError, ReplicationFailed

PROMOTE_SECONDS = 60
SETTINGS = (
    "primary_conninfo",
    "primary_slot_name",
    "hot_standby_feedback",
    "max_standby_streaming_delay",
    "max_standby_archive_delay",
    "wal_retrieve_retry_interval",
)
_LSN = re.compile(r"[0-9A-F]{1,8}/[0-9A-F]{1,8}")
# Of a promoted server, the file about its timeline says where it left its leader's; such files are never removed.
STATE = """
SELECT standby, pg_last_wal_replay_lsn()::text AS replayed, (SELECT status FROM pg_stat_wal_receiver) AS receiver,
    CASE WHEN standby THEN pg_get_wal_replay_pause_state() END AS replay,
    CASE WHEN NOT standby THEN pg_read_file(format('pg_wal/%s.history', left(pg_walfile_name(pg_current_wal_lsn()), 8)), 0, 1 << 20, true)
        END AS history,
    extract(epoch FROM greatest(pg_postmaster_start_time(), clock_timestamp() - interval '10 s'))::text AS since
FROM (SELECT pg_is_in_recovery() AS standby OFFSET 0) AS now
"""
# What the receiver of the log is told, or finds, and will be told again; all else may pass: a leader that restarts, a name not known yet.
_FOR_GOOD = re.compile(
    r"replication slot .* does not exist|has already been removed|authentication failed|is not permitted to log in|no pg_hba\.conf entry"
    r"|role .* does not exist|identifier differs|forked off current database|is behind recovery timeline|replication slot .* invalidated"
    r"|can no longer get changes"
)
_SERIOUS = re.compile(r"\b(?:FATAL|PANIC|ERROR): +(.*)")


def reached(access: Access, position: Mapping[str, str]) -> bool:
    """A server that does not answer just now may do so soon. Raises ReplicationFailed for one that follows no more."""
    wanted = number(position["lsn"])
    if (state := state_of(access)) is None:
        return False
    if not state["standby"]:
        return _was_reached(access, state["history"], wanted)
    if state["replayed"] and number(state["replayed"]) >= wanted:
        return True
    check(access, state)
    return False


def number(lsn: str) -> int:
    """A place in the log as bytes from its start. Raises ReplicationFailed for what is none."""
    if not _LSN.fullmatch(lsn):
        raise ReplicationFailed(f"{lsn!r} is no position of PostgreSQL", "positions are taken by the leader's driver")
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def state_of(access: Access) -> Row | None:
    """None for a server that does not answer."""
    try:
        with administration(access) as session:
            return session.rows(STATE)[0]
    except ReplicationFailed:
        return None


def _was_reached(access: Access, history: str | None, wanted: int) -> bool:
    """``history``: lines of ``TIMELINE LSN REASON``, the last being where this server's own begins."""
    forks = [line.split()[1] for line in (history or "").splitlines() if line.strip() and not line.startswith("#")]
    if forks and number(forks[-1]) >= wanted:
        return True
    until = f"it was promoted at {forks[-1]}" if forks else "it never did"
    raise ReplicationFailed(f"{access.workload.component} follows nobody: {until}", "let it follow again")


def check(access: Access, state: Row) -> None:
    """Raises ReplicationFailed for a standby that will come no further by waiting."""
    if state["replay"] == "paused":
        raise ReplicationFailed(f"{access.workload.component}: replay of the leader's log is paused", HINT)
    if state["receiver"] == "streaming":
        return
    reasons = [reason for reason in serious(access, state["since"]) if _FOR_GOOD.search(reason)]
    if reasons:
        raise ReplicationFailed(f"{access.workload.component} follows no more: {reasons[-1]}", "let it follow again")


def serious(access: Access, since: str) -> Iterator[str]:
    """What the server itself wrote about failing since then (seconds of the epoch); no view of its own tells that."""
    try:
        for line in access.engine.logs(access.workload, tail=200, follow=False, since=since):
            if (found := _SERIOUS.search(line)) or "forked off" in line:
                yield found[1] if found else line.rpartition("LOG:")[2].strip()
    except EngineUnavailable:
        raise
    except LoomaError:
        return


_STATE_BEFORE = "SELECT pg_is_in_recovery() AS standby, current_setting('primary_conninfo') <> '' AS followed"
# The setting that shows that there is something to clear away goes last.
_CLEAR_AWAY = "\n".join(
    (
        f"DROP ROLE IF EXISTS {FOLLOWER};",
        *(f"ALTER SYSTEM RESET {name};" for name in reversed(SETTINGS)),
        as_objects("SELECT pg_reload_conf() AS done"),
    )
)


def promote(access: Access) -> None:
    """Sessions stay open. Raises ReplicationFailed."""
    with administration(access) as session:
        state = session.rows(_STATE_BEFORE)[0]
        if state["standby"] and not session.rows(f"SELECT pg_promote(true, {PROMOTE_SECONDS}) AS done")[0]["done"]:
            raise ReplicationFailed(f"{access.workload.component} was not promoted within {PROMOTE_SECONDS} s", HINT)
        if state["standby"] or state["followed"]:
            session.run(_CLEAR_AWAY)
