"""Streams the moments of several datastores into a repository, all of one instant.

First every store's moment is taken while those before still hold their writers back; then all are let go, and dumps and fingerprints run
side by side, each store in threads of its own (a server gives up on a reader that lets it wait). Whatever fails, or a Ctrl-C, ends them
all: programs in the containers are killed, restic with them, and nothing is recorded as saved.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from itertools import chain
from threading import Event

from looma_cli.errors import BackupFailed, LoomaError, Unreachable
from looma_cli.model.backup import Fingerprint, SavedStream, StoreBackup, StoreInformation
from looma_cli.model.protocols import Datastore, Moment, Repository
from looma_cli.steps.base import Progress

REPORT_SECONDS = 0.3
COLD = "volume"  # the driver that stops its component
SHORT_BYTES = 64 << 10  # of one store's streams that go into the manifest: a save of their own would cost a start of restic each


class Saving:
    """One run. ``tags`` go with every snapshot; ``failed`` says afterwards which stores are missing and why (``allow_partial``),
    ``short`` has the streams that are to go into the manifest (name -> base64)."""

    def __init__(self, repository: Repository, tags: Mapping[str, str], at: datetime, *, allow_partial: bool, progress: Progress) -> None:
        self._repository = repository
        self._tags = tags
        self.at = at
        self._allow_partial = allow_partial
        self._progress = progress
        self._stopped = Event()
        self._sizes: dict[str, int] = {}
        self.failed: dict[str, LoomaError] = {}
        self.short: dict[str, str] = {}

    def run(self, stores: Mapping[str, Datastore]) -> tuple[StoreBackup, ...]:
        """In the order of ``stores``. Raises the first store's error, unless partial sets are allowed and another store was saved."""
        with ExitStack() as open_moments:
            moments = self._moments(stores, open_moments)
            for moment in moments.values():
                moment.release()
            saved = self._save_all({name: stores[name] for name in moments}, moments)
        if not saved:
            raise next(iter(self.failed.values()), BackupFailed("there is no datastore to back up", "looma edition show lists them"))
        return tuple(saved[name] for name in stores if name in saved)

    def _moments(self, stores: Mapping[str, Datastore], open_moments: ExitStack) -> dict[str, Moment]:
        """Those that hold writers first: what is acknowledged before the last moment is then in all of them. Before those the ones that
        have to be stopped, which takes its time: nobody is to wait for that."""
        moments: dict[str, Moment] = {}
        for name in sorted(stores, key=lambda name: (stores[name].driver != COLD, not stores[name].holds_writers)):
            self._progress(f"{name}: taking the moment")
            try:
                moments[name] = open_moments.enter_context(stores[name].moment())
            except LoomaError as error:
                self._refuse(name, error)
        return moments

    def _refuse(self, name: str, error: LoomaError) -> None:
        if not self._allow_partial or isinstance(error, Unreachable):
            raise error
        self.failed[name] = error

    def _save_all(self, stores: Mapping[str, Datastore], moments: Mapping[str, Moment]) -> dict[str, StoreBackup]:
        with ThreadPoolExecutor(max(1, 3 * len(moments))) as pool:
            dumps = {name: pool.submit(self._dump, name, moment) for name, moment in moments.items()}
            prints = {name: pool.submit(moment.fingerprint) for name, moment in moments.items()}
            probes = {name: pool.submit(stores[name].probe) for name in moments}
            try:
                self._follow([*dumps.values(), *prints.values(), *probes.values()])
                return self._collected(stores, moments, dumps, prints, probes)
            except BaseException:
                self._stop(stores)
                raise

    def _collected(
        self,
        stores: Mapping[str, Datastore],
        moments: Mapping[str, Moment],
        dumps: Mapping[str, Future[tuple[SavedStream, ...]]],
        prints: Mapping[str, Future[Fingerprint]],
        probes: Mapping[str, Future[StoreInformation]],
    ) -> dict[str, StoreBackup]:
        saved = {}
        for name, store in stores.items():
            try:
                streams, fingerprint, information = dumps[name].result(), prints[name].result(), probes[name].result()
            except LoomaError as error:
                self._refuse(name, error)
                continue
            saved[name] = _store_backup(store, information, moments[name], fingerprint, streams)
        return saved

    def _dump(self, name: str, moment: Moment) -> tuple[SavedStream, ...]:
        saved: list[SavedStream] = []
        for index, stream in enumerate(moment.streams):
            room = SHORT_BYTES - sum(one.size_bytes for one in saved if not one.snapshot)
            try:
                with moment.dump(stream) as chunks:
                    one = self._save(name, f"{name}-{index}", self._counted(name, chunks), room)
            except BackupFailed as error:
                raise type(error)(f"{name}, {stream}: {error.message}", error.hint) from error
            saved.append(replace(one, stream=stream))
        return tuple(saved)

    def _save(self, store: str, name: str, chunks: Iterator[bytes], room: int) -> SavedStream:
        """In the manifest where there is room for it. An empty stream goes to the repository, which refuses it."""
        begin, whole = _begun(chunks, room)
        if not whole or not any(begin):
            return self._repository.save(name, {**self._tags, "part": store}, chain(begin, chunks), self.at)
        text = b"".join(begin)
        self.short[name] = b64encode(text).decode()
        return SavedStream(name, "", len(text), 0)

    def _counted(self, name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self._stopped.is_set():
                raise BackupFailed("the backup was ended", "looma operation list shows what to do")
            self._sizes[name] = self._sizes.get(name, 0) + len(chunk)
            yield chunk

    def _follow(self, futures: list[Future]) -> None:
        """Until all have ended, or the first has failed where that fails the set. Ctrl-C arrives by the progress report."""
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=REPORT_SECONDS, return_when=FIRST_COMPLETED)
            for error in (future.exception() for future in done):
                if error is not None and not self._allow_partial:
                    raise error
            self._progress(", ".join(f"{name} {size >> 20} MiB" for name, size in sorted(self._sizes.items())) or "dumping")

    def _stop(self, stores: Mapping[str, Datastore]) -> None:
        """Threads that wait for a server go on once its programs are ended."""
        self._stopped.set()
        for store in stores.values():
            with suppress(LoomaError):
                store.abandon()


def _begun(chunks: Iterable[bytes], room: int) -> tuple[list[bytes], bool]:
    """The chunks up to the first that does not fit, and whether these are all."""
    begin: list[bytes] = []
    for chunk in chunks:
        begin.append(chunk)
        room -= len(chunk)
        if room < 0:
            return begin, False
    return begin, True


def _store_backup(
    store: Datastore, information: StoreInformation, moment: Moment, fingerprint: Fingerprint, streams: tuple[SavedStream, ...]
) -> StoreBackup:
    return StoreBackup(store.name, store.driver, information, dict(moment.position), fingerprint, streams)
