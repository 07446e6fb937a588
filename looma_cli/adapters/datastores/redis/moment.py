"""A moment of a Redis server: its writers wait while it forks the process that sends the dump, and while the fingerprint is computed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

from looma_cli.adapters.datastores.redis.access import Access
from looma_cli.adapters.datastores.redis.dump import Dump
from looma_cli.adapters.datastores.redis.fingerprint import Reader
from looma_cli.adapters.datastores.redis.session import HINT, Session, information
from looma_cli.errors import BackupFailed
from looma_cli.model.backup import Fingerprint

STREAM = "redis.rdb"
PAUSE_MS = 10_000  # renewed while the fingerprint is computed; the server ends it by itself where nobody can
RENEWAL_SECONDS = PAUSE_MS / 3000
LIMIT_SECONDS = 60.0
FORK_SECONDS = 3.0
# Sent through a socket a dump never is a file; without a delay the fork comes with the request.
_SETTINGS = {"repl-diskless-sync": "yes", "repl-diskless-sync-delay": "0"}
_BUSY = ("rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")


class RedisMoment:
    """Implements ``Moment``."""

    streams: tuple[str, ...] = (STREAM,)

    def __init__(self, control: Session, dump: Dump, fingerprint: Fingerprint) -> None:
        self.position: Mapping[str, str] = dump.position
        self._control = control
        self._dump = dump
        self._fingerprint = fingerprint
        self._held = True
        self._turn = threading.Condition()

    def release(self) -> None:
        with self._turn:
            if self._held:
                self._held = False
                self._turn.notify()
                self._control.call("CLIENT", "UNPAUSE")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Writers wait until ``release``, however long that takes."""
        keeper = threading.Thread(target=self._keep, daemon=True)
        keeper.start()
        try:
            yield
        finally:
            with suppress(BackupFailed):  # a server that is gone holds nobody back
                self.release()
            keeper.join()

    def _keep(self) -> None:
        with self._turn, suppress(BackupFailed):  # whoever releases it finds out that the server is gone
            while not self._turn.wait_for(lambda: not self._held, RENEWAL_SECONDS):
                _renew(self._control)

    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    def dump(self, stream: str) -> AbstractContextManager[Iterator[bytes]]:
        if stream != STREAM:
            raise BackupFailed(f"a redis dump has no stream {stream}", f"its only one is {STREAM}")
        return self._dump.chunks()


@contextmanager
def moment(access: Access, hold: bool = False) -> Iterator[RedisMoment]:
    """Raises BackupFailed when the server is busy with another save for a minute."""
    deadline = time.monotonic() + LIMIT_SECONDS
    with access.session(_farewells(access)) as control:
        while True:
            _wait_until_idle(control, deadline)
            with access.channel() as channel:
                if now := _try(control, channel):
                    with now.held() if hold else nullcontext():
                        yield now
                    return
            if time.monotonic() > deadline:
                raise _busy()


def _farewells(access: Access) -> list[str]:
    """What puts the server back, even when looma is killed."""
    with access.session() as session:
        found = session.call("CONFIG", "GET", "repl-diskless-sync*")
    before = {name.decode(): value.decode() for name, value in zip(found[::2], found[1::2], strict=True)}
    return ["CLIENT UNPAUSE", *(f"CONFIG SET {name} {before[name]}" for name in _SETTINGS)]


def _wait_until_idle(control: Session, deadline: float) -> None:
    """While it saves for itself it forks for nobody else."""
    while True:
        state = information(control, "persistence")
        if not any(int(state.get(name, 0)) for name in _BUSY):
            return
        if time.monotonic() > deadline:
            raise _busy()
        time.sleep(0.1)


def _try(control: Session, channel: Session) -> RedisMoment | None:
    """None when the server did not fork at once, because a save of its own came first."""
    for name, value in _SETTINGS.items():
        control.call("CONFIG", "SET", name, value)
    changes = _pause(control)
    dump = _start_dump(control, channel)
    if dump is not None:
        fingerprint = Reader(control, lambda: _renew(control)).fingerprint_of_moment()
        if _unchanged(control, dump, changes):
            return RedisMoment(control, dump, fingerprint)
    with suppress(BackupFailed):  # a server that is gone is found out by whoever asks next
        control.call("CLIENT", "UNPAUSE")
    return None


def _pause(control: Session) -> str:
    """The number of changes since the last save."""
    _renew(control)
    return information(control, "persistence")["rdb_changes_since_last_save"]


def _renew(control: Session) -> None:
    control.call("CLIENT", "PAUSE", PAUSE_MS, "WRITE")


def _start_dump(control: Session, channel: Session) -> Dump | None:
    before = information(control, "stats")
    channel.call("REPLCONF", "rdb-only", "1")  # no writes after it, so that they pile up nowhere
    channel.call("REPLCONF", "capa", "eof", "capa", "psync2")
    channel.send("PSYNC", "?", "-1")
    deadline = time.monotonic() + FORK_SECONDS
    while time.monotonic() < deadline:
        now = information(control, "stats")
        if int(now["sync_full"]) > int(before["sync_full"]):
            return Dump.begun(channel) if int(now["total_forks"]) > int(before["total_forks"]) else None
        time.sleep(0.002)
    return None


def _unchanged(control: Session, dump: Dump, changes: str) -> bool:
    """A proof that the writers were held back all the time. The offset grows with a replica's pings too, the number of changes
    is reset by a save."""
    offset = information(control, "replication")["master_repl_offset"]
    return offset == dump.position["offset"] or information(control, "persistence")["rdb_changes_since_last_save"] == changes


def _busy() -> BackupFailed:
    what = f"redis did not come to a dump within {LIMIT_SECONDS:.0f} seconds"
    return BackupFailed(f"{what}: it saves for itself, or its writes did not wait", HINT)
