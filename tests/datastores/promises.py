"""What every ``Datastore`` promises, fakes and drivers of real servers alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from looma_cli.errors import BackupFailed
from looma_cli.model.backup import Fingerprint
from looma_cli.model.protocols import Datastore, Moment

Streams = dict[str, bytes]
PIECE = 1000


@dataclass(frozen=True)
class Server:
    """One datastore that answers: ``store`` opens it as another process would, ``write`` adds a row of this name to it. ``rise`` is what
    a layer's restart policy does for a server that ended (Redis does over a broken stream)."""

    store: Callable[[], Datastore]
    write: Callable[[str], object]
    rise: Callable[[], object] = lambda: None


def read_all(moment: Moment) -> Streams:
    streams = {}
    for name in moment.streams:
        with moment.dump(name) as chunks:
            streams[name] = b"".join(chunks)
    return streams


def saved(store: Datastore) -> tuple[Fingerprint, Streams]:
    with store.moment() as moment:
        moment.release()
        streams = read_all(moment)
        return moment.fingerprint(), streams


def readers(streams: Mapping[str, bytes]) -> dict[str, Callable[[], AbstractContextManager[Iterator[bytes]]]]:
    return {name: lambda data=data: nullcontext(_pieces(data)) for name, data in streams.items()}


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[start : start + PIECE] for start in range(0, len(data), PIECE))


def restore(server: Server, streams: Mapping[str, bytes]) -> None:
    server.store().restore(readers(streams), lambda text: None)


def differences(server: Server, wanted: Fingerprint) -> list[str]:
    return wanted.differences(server.store().fingerprint(wanted), datetime.now(UTC))


def a_moment_is_one_instant(server: Server) -> None:
    """What is written after it is in neither its dump nor its fingerprint."""
    server.write("before")
    store = server.store()
    with store.moment() as moment:
        moment.release()
        server.write("after")
        streams = read_all(moment)
        fingerprint = moment.fingerprint()
    assert differences(server, fingerprint) != []
    restore(server, streams)
    assert differences(server, fingerprint) == []


def a_restore_replaces_what_is_there_and_may_run_again(server: Server) -> None:
    server.write("wanted")
    fingerprint, streams = saved(server.store())
    for name in ("more", "still more"):
        server.write(name)
        assert differences(server, fingerprint) != []
        restore(server, streams)
        assert differences(server, fingerprint) == []


def a_dump_without_its_end_is_no_restore_and_the_next_one_is(server: Server) -> None:
    server.write("wanted")
    fingerprint, streams = saved(server.store())
    last = max(streams, key=lambda name: len(streams[name]))
    with pytest.raises(BackupFailed):
        restore(server, {**streams, last: streams[last][: len(streams[last]) // 2]})
    server.rise()
    server.store().abandon()
    restore(server, streams)
    assert differences(server, fingerprint) == []


def a_source_that_breaks_off_fails_the_restore(server: Server) -> None:
    """The repository's own error passes on."""
    server.write("wanted")
    _, streams = saved(server.store())

    def breaking(data: bytes) -> Iterator[bytes]:
        yield data[: len(data) // 2]
        raise BackupFailed("the repository broke off", "look at it")

    broken = {name: lambda data=data: nullcontext(breaking(data)) for name, data in streams.items()}
    with pytest.raises(BackupFailed):
        server.store().restore(broken, lambda text: None)
    server.rise()
    server.store().abandon()
    restore(server, streams)


def a_fingerprint_is_the_same_until_something_changes(server: Server) -> None:
    server.write("one")
    fingerprint = server.store().fingerprint()
    assert differences(server, fingerprint) == []
    server.write("two")
    assert differences(server, fingerprint) != []


def what_is_given_up_holds_nobody_back(server: Server) -> None:
    """Released twice, abandoned twice, left by an error: a writer goes on, and the next moment is had."""
    store = server.store()
    with pytest.raises(ZeroDivisionError), store.moment():
        1 / 0  # noqa: B018  an error of whoever reads
    with store.moment() as moment:
        moment.release()
        moment.release()
    server.store().abandon()
    server.store().abandon()
    server.write("goes on")
    fingerprint, _ = saved(server.store())
    assert differences(server, fingerprint) == []


PROMISES = (
    a_moment_is_one_instant,
    a_restore_replaces_what_is_there_and_may_run_again,
    a_dump_without_its_end_is_no_restore_and_the_next_one_is,
    a_source_that_breaks_off_fails_the_restore,
    a_fingerprint_is_the_same_until_something_changes,
    what_is_given_up_holds_nobody_back,
)
