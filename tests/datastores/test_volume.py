"""Cold volumes: every kind of file comes back as it was."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from looma_cli.adapters.datastores.volume import VolumeDatastore
from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import BackupFailed, ImageUnavailable
from looma_cli.model.backup import Fingerprint
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Chunks
from tests.datastores.servers import engine
from tests.engine_objects import TEST_LABEL, owner_mark, start_container

pytestmark = pytest.mark.engine

IMAGE = "looma/base:bookworm"
FILL = r"""
cd /data; rm -rf /data/* /data/.[!.]* /more/*
mkdir -p 'sub dir' empty; chmod 2750 'sub dir'; chown 1234:4321 'sub dir'
printf 'text\n' >plain; chmod 4755 plain; touch -d '2001-02-03 04:05:06.123456789' plain
ln plain 'sub dir/hard'; ln -s plain soft; ln -s /nowhere dangling; mkfifo pipe
printf x >$'line\nfeed'; printf y >'键🔑'; printf z >-rf; printf b >$'\xff\xfe'; printf h >.hidden
truncate -s 20M sparse; printf end >>sparse
head -c 3000000 /dev/urandom >random; chmod 0 random; chown 4711:4711 random
perl -e 'my ($f, $n, $v) = ("plain", "user.note", "value\0\xff"); syscall(188, $f, $n, $v, length $v, 0) == 0 or die "xattr: $!"'
printf other >/more/file
chmod 1777 /data
"""
LOOK = r"""
cd /data; find . /more -printf '%p %y %m %U %G %s %n %l %T@\n' | LC_ALL=C sort; find . -type f -exec sha256sum {} + | LC_ALL=C sort
perl -e 'my ($f, $k, $v) = ("plain", "user.note", "\0" x 100); my $n = syscall(191, $f, $k, $v, 100);
  print unpack("H*", substr $v, 0, $n), "\n"'
echo $(( $(stat -c %b sparse) < 200 ))
"""


@contextmanager
def component(api: EngineApi) -> Iterator[Workload]:
    names = [f"cold-{secrets.token_hex(5)}" for _ in range(2)]
    for name in names:
        api.post("/volumes/create", body={"Name": name, "Labels": {TEST_LABEL: owner_mark()}})
    id = start_container(
        api, names[0], IMAGE, HostConfig={"Binds": [f"{names[0]}:/data", f"{names[1]}:/more", f"{names[1]}:/read:ro"], "Init": True}
    )
    yield Workload(id, names[0], "cold", None, "running", "none", IMAGE)
    api.request("DELETE", f"/containers/{id}", {"force": "1", "v": "1"})
    for name in names:
        api.request("DELETE", f"/volumes/{name}", {"force": "1"})


def _run(workload: Workload, script: str) -> str:
    code, output = engine().execute(workload, ["bash", "-ec", script])
    assert code == 0, output
    return output


def _saved(store: VolumeDatastore) -> tuple[Fingerprint, bytes]:
    with store.moment() as moment:
        moment.release()
        with moment.dump("volumes.tar") as chunks:
            data = b"".join(chunks)
        return moment.fingerprint(), data


def _stream_of(*pieces: bytes, then: Callable[[], object] = lambda: None) -> dict[str, Callable[[], Chunks]]:
    @contextmanager
    def chunks() -> Iterator[Iterator[bytes]]:
        def read() -> Iterator[bytes]:
            yield from pieces
            then()

        yield read()

    return {"volumes.tar": chunks}


def _quiet(text: str) -> None:
    return None


def test_all_kinds_of_files_come_back(engine_required: EngineApi) -> None:
    with component(engine_required) as source, component(engine_required) as target:
        here, there = (VolumeDatastore(engine(), one, {"driver": "volume"}) for one in (source, target))
        _run(source, FILL)
        before = _run(source, LOOK)
        fingerprint, data = _saved(here)
        assert len(data) < 5_000_000, "the holes of a sparse file are not stored"
        assert {part.name for part in fingerprint.parts} == {"volume /data", "volume /more"}
        _run(target, "mkdir -p /data/left/over; touch /data/left/.file")
        for _ in range(2):
            there.restore(_stream_of(data[:100_000], data[100_000:]), _quiet)
            assert fingerprint.differences(there.fingerprint(), datetime.now(UTC)) == []
        assert _run(target, LOOK) == before
        _run(target, "touch -d '2001-02-03 04:05:06.123456788' /data/plain")
        assert fingerprint.differences(there.fingerprint(), datetime.now(UTC)) != []


def test_the_component_stands_still_meanwhile_and_runs_again(engine_required: EngineApi) -> None:
    with component(engine_required) as source:
        store = VolumeDatastore(engine(), source, {})
        with store.moment():
            assert not engine_required.get(f"/containers/{source.id}/json")["State"]["Running"]
        assert engine_required.get(f"/containers/{source.id}/json")["State"]["Running"]
        engine().switch(source, on=False)
        store.abandon()
        store.abandon()
        assert engine_required.get(f"/containers/{source.id}/json")["State"]["Running"]


def test_a_reader_that_is_ended_fails_and_nothing_is_left(engine_required: EngineApi) -> None:
    with component(engine_required) as source:
        _run(source, "head -c 40000000 /dev/urandom >/data/random")
        store = VolumeDatastore(engine(), source, {})
        with pytest.raises(BackupFailed, match="not read or written"):
            _read_while_killed(engine_required, source, store)
        assert _beside(engine_required, source) == []


@pytest.mark.exhaustive
def test_a_restore_cut_short_can_be_run_again(engine_required: EngineApi) -> None:
    with component(engine_required) as source:
        store = VolumeDatastore(engine(), source, {})
        _run(source, FILL)
        fingerprint, data = _saved(store)
        with pytest.raises(ZeroDivisionError):
            store.restore(_stream_of(data[:1_000_000], then=lambda: 1 // 0), _quiet)
        with pytest.raises(BackupFailed):
            store.restore(_stream_of(data[:1_000_000]), _quiet)
        assert _beside(engine_required, source) == []
        store.restore(_stream_of(data), _quiet)
        assert fingerprint.differences(store.fingerprint(), datetime.now(UTC)) == []


def test_an_image_that_is_not_there_is_named(engine_required: EngineApi) -> None:
    with component(engine_required) as source:
        store = VolumeDatastore(engine(), source, {"image": "looma/none-such:1"})
        with pytest.raises(ImageUnavailable, match="none-such"):
            store.fingerprint()


def _read_while_killed(api: EngineApi, workload: Workload, store: VolumeDatastore) -> None:
    """The process is ended, not the container: the engine answers that only when somebody has read what was written, which is us."""
    with store.moment() as moment, moment.dump("volumes.tar") as chunks:
        next(chunks)
        for one in _beside(api, workload):
            os.kill(api.get(f"/containers/{one}/json")["State"]["Pid"], signal.SIGKILL)
        for _ in chunks:
            pass


def _beside(api: EngineApi, workload: Workload) -> list[str]:
    return [one["Id"] for one in api.listed("/containers/json", {"looma.beside": workload.id}, {"all": "1"})]
