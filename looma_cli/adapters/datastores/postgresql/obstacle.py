"""Why a server cannot follow another by physical replication, found out before anything is changed.

The files themselves go over, so what reads them must be the same: release, layout, and the order of texts that indexes were built in.
"""

from __future__ import annotations

from collections.abc import Mapping

from looma_cli.adapters.datastores.postgresql.access import Access
from looma_cli.adapters.datastores.postgresql.catalogue import DATABASES, FOLLOWER, UNLOGGED
from looma_cli.adapters.datastores.postgresql.leading import administration
from looma_cli.adapters.datastores.postgresql.session import Row, Session
from looma_cli.errors import ReplicationFailed

# A standby with less of these than its leader does not answer. Source: PostgreSQL documentation, "Hot Standby", "Administrator's Overview".
_AT_LEAST = ("max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction")
_ABOUT = f"""
SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('data_directory') AS directory,
    (SELECT to_jsonb(i) - 'data_page_checksum_version' || jsonb_build_object('catalogue', s.catalog_version_no)
        FROM pg_control_init() i, pg_control_system() s)::text AS layout,
    (SELECT max(pg_collation_actual_version(oid)) FROM pg_collation WHERE collprovider = 'c') AS libc,
    (SELECT max(pg_collation_actual_version(oid)) FROM pg_collation WHERE collprovider = 'i') AS icu,
    (SELECT array_to_json(array_agg(name)) FROM pg_available_extensions) AS extensions,
    (SELECT json_object_agg(name, setting) FROM pg_settings WHERE name IN {_AT_LEAST}) AS at_least,
    (SELECT json_object_agg(name, true) FROM pg_settings WHERE name IN {_AT_LEAST} AND source = 'command line') AS commanded
"""
_LEADS = f"""
SELECT pg_is_in_recovery() AS standby, current_setting('wal_level') AS wal_level,
    current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication WHERE usename <> '{FOLLOWER}') AS senders,
    current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots WHERE slot_name <> '{FOLLOWER}') AS slots,
    (SELECT count(*) FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')) AS tablespaces
"""


def obstacle(access: Access, leader: Access) -> str:
    """Empty where there is none. A follower whose copy was cut short does not answer: it was looked at before."""
    try:
        with administration(leader) as session:
            theirs = session.rows(_ABOUT)[0]
            found = _of_leader(session.rows(_LEADS)[0]) or _unlogged(leader, session)
    except ReplicationFailed as error:
        return error.message
    if found:
        return found
    try:
        with administration(access) as session:
            return between(session.rows(_ABOUT)[0], theirs)
    except ReplicationFailed:
        return ""


def _of_leader(row: Row) -> str:
    reasons = {
        "the leader follows another itself": row["standby"],
        f"the leader's wal_level is {row['wal_level']}": row["wal_level"] == "minimal",
        "the leader has no sender left (max_wal_senders)": row["senders"] < 1,
        "the leader has no replication slot left (max_replication_slots)": row["slots"] < 1,
        "the leader has tablespaces outside of its data directory": row["tablespaces"] > 0,
    }
    return next((reason for reason, there in reasons.items() if there), "")


def _unlogged(leader: Access, session: Session) -> str:
    """The log has nothing of them, so their rows would be lost without a word."""
    for database in [row["name"] for row in session.rows(DATABASES) if row["open"]]:
        with leader.session(database, mark="") as one:
            if found := one.rows(UNLOGGED):
                return f"table {found[0]['name']} of database {database} is unlogged, which no log carries (ALTER TABLE … SET LOGGED)"
    return ""


def between(ours: Row, theirs: Row) -> str:
    """``ours`` and ``theirs``: rows of ``_ABOUT``, of the follower and of the leader."""
    if ours["major"] != theirs["major"]:
        return f"PostgreSQL {ours['major']} cannot follow PostgreSQL {theirs['major']}"
    for what, name in {"layout": "layout of files", "directory": "data directory", "libc": "libc", "icu": "ICU"}.items():
        if ours[what] != theirs[what]:
            return f"the two have another {name}: {ours[what]} here, {theirs[what]} on the leader"
    if missing := sorted(set(theirs["extensions"] or ()) - set(ours["extensions"] or ())):
        return f"extension {missing[0]} of the leader is not installed here"
    return _too_small(ours, theirs)


def _too_small(ours: Row, theirs: Row) -> str:
    """What a server's command line does not say comes with the leader's files."""
    commanded: Mapping[str, bool] = {**(ours["commanded"] or {}), **(theirs["commanded"] or {})}
    for name in _AT_LEAST:
        here, there = int(ours["at_least"][name]), int(theirs["at_least"][name])
        if name in commanded and here < there:
            return f"{name} is {here} here and {there} on the leader"
    return ""
