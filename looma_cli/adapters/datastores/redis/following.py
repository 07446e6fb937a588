"""One Redis server follows another by its own replication, and ends it. Source: redis.io, "Redis replication"."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from looma_cli.adapters.datastores.redis.access import Access
from looma_cli.adapters.datastores.redis.link import Patience, hopeless
from looma_cli.adapters.datastores.redis.persistence import saved, wait_until_saved
from looma_cli.adapters.datastores.redis.session import HINT, Session, information
from looma_cli.errors import BackupFailed, LoomaError, ReplicationFailed

REPORT_BYTES = 8 << 20
POLL_SECONDS = 0.05
# What is written while the leader's data goes over waits in the leader's memory: next to its data, within its limit (5/8 of it is for
# data). The server's own bound (256 MB) would let the kernel end a small leader for the sake of a slow follower.
SHARE_OF_MEMORY = 5
_BUFFERS = "client-output-buffer-limit"
_BUFFERS_AS_DELIVERED = "replica 268435456 67108864 60"
_AT_ONCE = {"repl-diskless-sync": "yes", "repl-diskless-sync-delay": "0"}  # no second file of the data there, and no waiting


def follow(access: Access, leader: Access, address: str, progress: Callable[[str], None]) -> None:
    """Returns when all is here, and in the append-only file of this one: a promote has nothing to wait for."""
    with _failing(access), leader.session(_farewells(leader)) as source, access.session() as target:
        _prepare(source)
        target.call("CLIENT", "UNPAUSE")
        target.call("CONFIG", "SET", "repl-diskless-load", "disabled")  # only what has arrived completely replaces what is there
        target.call("CONFIG", "SET", "replica-read-only", "yes")
        target.call("REPLICAOF", address, leader.settings.get("port", "6379"))
        progress(f"following {address}")
        _wait_until_linked(access, source, target, progress)
        progress("saving")
        wait_until_saved(target)


def position(access: Access) -> Mapping[str, str]:
    with _failing(access), access.session() as session:
        return _position(information(session, "replication"))


def reached(access: Access, position: Mapping[str, str]) -> bool:
    """A server that has just loaded a copy holds it only once it is in its append-only file."""
    with _failing(access), access.session() as session:
        state = information(session, "replication")
        _refuse_one_that_leads(access, state)
        here = _position(state)
        if here["replication_id"] == position["replication_id"] and int(here["offset"]) >= int(position["offset"]):
            return saved(session)
        if state["master_link_status"] != "up":
            _refuse(access, hopeless(access, state))
        elif here["replication_id"] != position["replication_id"]:
            _refuse(access, "its leader has begun a new history since, as after a restart")
        return False


def promote(access: Access) -> None:
    with _failing(access), access.session() as session:
        session.call("CLIENT", "UNPAUSE")
        if information(session, "replication")["role"] == "slave":
            session.call("REPLICAOF", "NO", "ONE")


def dismiss(access: Access) -> None:
    """A replica whose connection ends comes again within a second, so those that are there are told."""
    with _failing(access), access.session() as session:
        for host, port in _replicas(information(session, "replication")):
            with suppress(BackupFailed), access.session(at=f"{host}:{port}") as replica:
                replica.call("REPLICAOF", "NO", "ONE")
        session.call("CLIENT", "KILL", "TYPE", "replica")
        session.call("CONFIG", "SET", _BUFFERS, _BUFFERS_AS_DELIVERED)


@contextmanager
def _failing(access: Access) -> Iterator[None]:
    """The sessions' errors are those of backups."""
    try:
        yield
    except BackupFailed as error:
        raise ReplicationFailed(f"{access.workload.component}: {error.message}", error.hint) from error


def _farewells(leader: Access) -> list[str]:
    """What puts the leader's settings back, even when looma is killed."""
    with leader.session() as session:
        return [f"CONFIG SET {name} {session.call('CONFIG', 'GET', name)[1].decode()}" for name in _AT_ONCE]


def _prepare(leader: Session) -> None:
    leader.call("CLIENT", "UNPAUSE")  # a looma that was killed may have left a moment: what it holds back would never come over
    for name, value in _AT_ONCE.items():
        leader.call("CONFIG", "SET", name, value)
    if memory := int(information(leader, "memory")["maxmemory"]):
        bound = memory // SHARE_OF_MEMORY
        leader.call("CONFIG", "SET", _BUFFERS, f"replica {bound} {bound} 0")


def _wait_until_linked(access: Access, source: Session, target: Session, progress: Callable[[str], None]) -> None:
    patience = Patience(access)
    arrived = 0
    while not _linked(source, state := information(target, "replication")):
        _refuse_one_that_leads(access, state)
        _refuse(access, patience.ended(state["master_sync_in_progress"] == "1" or information(target, "persistence")["loading"] == "1"))
        before, arrived = arrived, int(state.get("master_sync_read_bytes", 0))
        if arrived // REPORT_BYTES > before // REPORT_BYTES:
            progress(f"{arrived >> 20} MiB")
        time.sleep(POLL_SECONDS)


def _linked(source: Session, state: Mapping[str, str]) -> bool:
    """Up, with the history that the leader has now."""
    if state.get("master_link_status") != "up":
        return False
    return state["master_replid"] == information(source, "replication")["master_replid"]


def _refuse_one_that_leads(access: Access, state: Mapping[str, str]) -> None:
    if state["role"] != "slave":
        _refuse(access, "it follows nobody: it was restarted, or promoted, or never told to")


def _refuse(access: Access, why: str) -> None:
    if why:
        raise ReplicationFailed(f"{access.workload.component} does not follow its leader: {why}", HINT)


def _position(state: Mapping[str, str]) -> dict[str, str]:
    """As a moment says it. Of a follower: what it has carried out, not what it has received."""
    return {"replication_id": state["master_replid"], "offset": state.get("slave_repl_offset", state["master_repl_offset"])}


def _replicas(state: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Host and port of each; a reader of a dump has no port."""
    for name, text in state.items():
        if name.removeprefix("slave").isdecimal():
            fields = dict(pair.split("=", 1) for pair in text.split(","))
            if fields["port"] != "0":
                yield fields["ip"], fields["port"]


def obstacle(access: Access, leader: Access) -> str:
    """Newer servers write dumps that older ones cannot read; a replica takes all, even what its limit has no room for."""
    try:
        with access.session() as here, leader.session() as there:
            return older(here, there) or _smaller(here, there)
    except LoomaError as error:
        return error.message


def older(here: Session, there: Session) -> str:
    mine, theirs = (information(session, "server")["redis_version"] for session in (here, there))
    return f"it is Redis {mine}, older than its leader's {theirs}" if _version(mine) < _version(theirs) else ""


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")[:2]))


def _smaller(here: Session, there: Session) -> str:
    limit, needed = int(information(here, "memory")["maxmemory"]), int(information(there, "memory")["used_memory_dataset"])
    return f"its limit is {limit >> 20} MiB, its leader holds {needed >> 20} MiB" if 0 < limit < needed else ""
