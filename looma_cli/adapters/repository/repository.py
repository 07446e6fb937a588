"""A restic repository: one restic process per call, judged by how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from looma_cli.adapters.children import Outcome
from looma_cli.adapters.repository import snapshots
from looma_cli.adapters.repository.creation import Creation
from looma_cli.adapters.repository.failures import failure
from looma_cli.adapters.repository.location import Location, parse
from looma_cli.adapters.repository.locks import has_no_locks, remove_dead
from looma_cli.adapters.repository.program import Restic, Running
from looma_cli.adapters.repository.remains import remove_unfinished
from looma_cli.adapters.repository.streams import Input, Replay
from looma_cli.errors import BackupFailed, NotFound, RepositoryDamaged, RepositoryLocked
from looma_cli.model.backup import RepositorySnapshot, Retention, SavedStream

LOCK_SECONDS = 60.0  # how long an exclusive lock (a prune, a check) is waited for
OPEN_SECONDS = 30.0  # restic 0.18 tries for a quarter of an hour where S3 credentials are refused

Result = TypeVar("Result")


class ResticRepository:
    """Implements ``Repository``; any number of calls may run at once, in threads that last as long as their calls (a program ends with
    the thread that started it).

    ``location``: a directory, ``sftp:user@host:/path``, ``sftp://user@host:port//path`` or ``s3:https://host/bucket/prefix``.
    ``passphrase_file``: restic and ``PassphraseVault`` both read it without the blanks around. ``environment``: PATH, HOME,
    RESTIC_CACHE_DIR, and for S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. ``on_child`` is told the pid of a running restic, and None.
    """

    def __init__(
        self,
        location: str,
        passphrase_file: Path,
        environment: Mapping[str, str],
        on_child: Callable[[int | None], None] | None = None,
        *,
        lock_seconds: float = LOCK_SECONDS,
    ) -> None:
        self.location = location
        self._place = parse(location)
        self._passphrase_file = passphrase_file
        self._environment = environment
        self._on_child = on_child
        self._lock_seconds = lock_seconds
        self._restic = Restic(self._place, passphrase_file, environment, on_child)

    # the repository itself

    def exists(self) -> bool:
        try:
            self._judge(self._restic.run("cat", "config", "--no-lock", limit_seconds=OPEN_SECONDS))
        except NotFound:
            return False
        return True

    def create(self) -> None:
        self._create(source=None)

    def _create(self, source: Location | None) -> None:
        """``source``: another repository, whose way of cutting streams into pieces is taken over, so that copies are deduplicated."""
        with Creation(self._place, self._environment).alone() as creation:
            if self.exists():
                return
            creation.clear_remains()
            options = ["--copy-chunker-params"] if source else []
            outcome = self._restic.run("init", *options, beside=source)
            if outcome.code and not self.exists():
                raise failure(outcome, self.location)

    def unlock(self) -> None:
        """Of what killed processes left, unfinished packs in a directory go too. A directory without locks needs no restic to say so."""
        directory = self._place.directory
        if directory is None or not has_no_locks(directory):
            remove_dead(self._run, OPEN_SECONDS)
        if directory is not None:
            remove_unfinished(directory)

    def check(self, *, read_data: bool = False) -> None:
        try:
            self._waiting(lambda: self._run("check", *(["--read-data"] if read_data else [])))
        except RepositoryDamaged:
            raise
        except NotFound as error:
            if not self.exists():
                raise
            raise RepositoryDamaged(error.message, "restore from a copy; restic's manual tells how to mend it (Troubleshooting)") from error

    def copy_to(self, location: str, ids: Sequence[str]) -> None:
        """Raises NotFound when one of the ids is in neither."""
        target = ResticRepository(location, self._passphrase_file, self._environment, self._on_child, lock_seconds=self._lock_seconds)
        target._create(source=self._place)
        if not ids:  # restic would copy all
            return
        target._waiting(lambda: target._run("copy", *ids, beside=self._place))
        there = snapshots.copies(target._run("snapshots", "--json", "--no-lock"))
        if missing := sorted(set(ids) - there):
            raise NotFound(f"the repository {self.location} has no snapshot {missing[0]} to copy", "look at the backups it holds")

    # streams

    def save(self, name: str, tags: Mapping[str, str], chunks: Iterable[bytes], at: datetime) -> SavedStream:
        """``at`` is kept in whole seconds; a stream without a byte is none (BackupFailed). ``stored_bytes`` is what was added after
        compression, as restic counts it. Before 0.17 restic tells the first 8 digits of the snapshot's id, which serve as well."""
        file = f"--stdin-filename={snapshots.file_name(name)}"
        options = [file, "--host", snapshots.HOST, *snapshots.tag_options(tags), *snapshots.at_option(at)]
        replay = Replay(chunks)
        arguments = ["backup", "--stdin", "--json", "-vv", *options]
        return self._waiting(lambda: self._save(name, arguments, replay), may_wait=lambda: replay.whole)

    def _save(self, name: str, arguments: Sequence[str], replay: Replay) -> SavedStream:
        size, outcome = self._feed(arguments, replay)
        if outcome.code and '"snapshot_id"' not in outcome.output:
            raise failure(outcome, self.location)
        stream = snapshots.saved(name, outcome.output)
        if outcome.code or stream.size_bytes != size:
            self.forget([stream.snapshot])
            raise BackupFailed(f"restic saved {stream.size_bytes} bytes of {name} instead of {size}", "try again")
        return stream

    def _feed(self, arguments: Sequence[str], replay: Replay) -> tuple[int, Outcome]:
        """How many bytes were sent, and how restic ended. When ``chunks`` raises, restic is ended with its input still open."""
        source = Input()
        running: Running | None = None
        size = 0
        try:
            running = self._restic.start(arguments, stdin=source.theirs, pass_fds=[source.ours.fileno()])
            source.theirs.close()
            for chunk in replay:
                if not source.send(chunk):
                    return size, _ended_early(running.finish())
                size += len(chunk)
            if not size:  # restic would say no more than "no data read", or leave a snapshot without the file
                raise BackupFailed("not a single byte came to be saved", "a dump that succeeded is never empty: look at its source")
            source.complete()
            return size, running.finish()
        finally:
            if running is not None:
                running.close()
            source.close()

    @contextmanager
    def open(self, snapshot: str, name: str) -> Iterator[Iterator[bytes]]:
        """Raises NotFound on entering. Read in the thread that entered, or while that one lives."""
        running, first = self._waiting(lambda: self._begin(snapshot, name))
        try:
            yield self._pieces(running, first)
        finally:
            running.close()

    def _begin(self, snapshot: str, name: str) -> tuple[Running, bytes]:
        """restic dumps, and its first piece: a failure to begin is known here."""
        # Without --quiet restic 0.18 says on standard output, among the bytes, that the repository is locked.
        running = self._restic.start(["dump", "--quiet", "--", snapshot, f"/{snapshots.file_name(name)}"])
        try:
            first = running.read()
            if not first:
                self._judge(running.finish())
        except BaseException:
            running.close()
            raise
        return running, first

    def _pieces(self, running: Running, first: bytes) -> Iterator[bytes]:
        piece = first
        while piece:
            yield piece
            piece = running.read()
        if first:
            self._judge(running.finish())

    # snapshots

    def snapshots(self, tags: Mapping[str, str] | None = None) -> list[RepositorySnapshot]:
        return snapshots.listed(self._run("snapshots", "--json", "--no-lock", "--host", snapshots.HOST, *snapshots.tag_options(tags)))

    def forget(self, ids: Sequence[str], *, prune: bool = False) -> None:
        if ids:
            self._waiting(lambda: self._run("forget", *ids))
        if prune:
            self._waiting(lambda: self._run("prune"))

    def kept(self, retention: Retention, tags: Mapping[str, str]) -> list[str]:
        """A policy that asks for nothing removes nothing. Hours, days and weeks are those of UTC."""
        options = snapshots.retention_options(retention)
        if not options:
            return [snapshot.id for snapshot in self.snapshots(tags)]
        selected = ["--group-by", "", "--host", snapshots.HOST, *snapshots.tag_options(tags)]
        return snapshots.kept_ids(self._run("forget", "--dry-run", "--no-lock", "--json", *selected, *options))

    # restic

    def _run(self, *arguments: str, beside: Location | None = None, limit_seconds: float | None = None) -> str:
        return self._judge(self._restic.run(*arguments, beside=beside, limit_seconds=limit_seconds)).output

    def _judge(self, outcome: Outcome) -> Outcome:
        if outcome.code:
            raise failure(outcome, self.location)
        return outcome

    def _waiting(self, deed: Callable[[], Result], may_wait: Callable[[], bool] = lambda: True) -> Result:
        """Does it again while somebody else works exclusively on the repository, unless that one is dead."""
        from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

        def lives(error: BaseException) -> bool:
            return isinstance(error, RepositoryLocked) and not error.details.get("dead") and may_wait()

        patience = stop_after_delay(self._lock_seconds)
        return Retrying(retry=retry_if_exception(lives), stop=patience, wait=wait_random(1, 3), reraise=True)(deed)


def _ended_early(outcome: Outcome) -> Outcome:
    """It did not take all its input, so whatever it says it did not succeed."""
    return outcome if outcome.code else Outcome(1, "", outcome.errors or "Fatal: it ended before it had read all")

