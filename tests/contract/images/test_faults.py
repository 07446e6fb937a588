"""Sending images to a real engine whose disk is full, which goes away, or which loses layers meanwhile; and what is left on it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from looma_cli.adapters.engine import EngineApi
from looma_cli.adapters.images import layers
from looma_cli.adapters.images.transfer import EngineImageSender
from looma_cli.errors import EngineUnavailable, ImageUnavailable
from tests.bare_engine import bare_engine
from tests.contract.images.rigs import BASE_BYTES, EngineRig, new_reference
from tests.contract.images.test_sending import silent

pytestmark = pytest.mark.engine


def test_a_full_disk_is_told_in_the_engines_words(real: EngineRig) -> None:
    reference = new_reference()
    real.build(reference)
    with bare_engine(disk=f"{BASE_BYTES // 2}") as small:
        before = small.get("/images/json", {"all": "1"})
        sender = EngineImageSender(real.here_api, small, "h1", real.lock)
        with pytest.raises(ImageUnavailable, match=r"h1 does not take image .*no space left on device") as caught:
            sender.send([reference], silent)
        assert caught.value.hint == "free some disk on h1: docker system df"
        assert small.get("/images/json", {"all": "1"}) == before


def test_a_host_that_goes_away_in_the_midst_is_unreachable(real: EngineRig) -> None:
    reference = new_reference()
    real.build(reference)
    path = Path(real.there_api.url.removeprefix("unix://"))
    with cut_off(path, after=BASE_BYTES // 2) as url:
        sender = EngineImageSender(real.here_api, EngineApi(url, {}, 10), "h1", real.lock)
        with pytest.raises(EngineUnavailable) as caught:
            sender.send([reference], silent)
        assert url in caught.value.message
    assert real.there() == set()
    real.sender.send([reference], silent)
    assert real.there() == {reference}


def test_all_of_it_is_sent_where_layers_are_gone_meanwhile(real: EngineRig) -> None:
    """A host that was asked for its images before somebody removed them."""
    reference = new_reference()
    real.build(reference)
    digests = real.here_api.get(f"/images/{reference}/json")["RootFS"]["Layers"]
    sender = EngineImageSender(real.here_api, real.there_api, "h1", real.lock)
    assert sender.deliver(reference, digests, present=len(digests), report=silent) > BASE_BYTES
    assert real.there() == {reference}


def test_a_superseded_build_does_not_fill_the_hosts_disk(real: EngineRig) -> None:
    reference = new_reference()
    real.build(reference)
    real.sender.send([reference], silent)
    count = real.count_there()
    real.build(reference)
    real.sender.send([reference], silent)
    assert real.count_there() == count


def test_both_engines_mean_the_same_layers(real: EngineRig) -> None:
    base, app = new_reference(), new_reference()
    real.build(base)
    real.build(app, on=base)
    real.sender.send([app], silent)
    here, there = (api.get(f"/images/{app}/json")["RootFS"]["Layers"] for api in (real.here_api, real.there_api))
    assert here == there
    assert len(set(layers.chain_ids(here))) == 2


@contextmanager
def cut_off(engine: Path, after: int) -> Iterator[str]:
    """The URL of a way to an engine's socket that breaks once one connection has carried so many bytes there."""
    path = engine.with_name("way.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        threading.Thread(target=_serve, args=(server, engine, after), daemon=True).start()
        yield f"unix://{path}"
        server.shutdown(socket.SHUT_RDWR)
    path.unlink()


def _serve(server: socket.socket, engine: Path, after: int) -> None:
    with suppress(OSError):
        while True:
            near, _ = server.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(engine))
            threading.Thread(target=_carry, args=(near, far, after), daemon=True).start()
            threading.Thread(target=_carry, args=(far, near, 1 << 40), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket, limit: int) -> None:
    with suppress(OSError):
        while limit > 0 and (data := source.recv(65536)):
            sink.sendall(data)
            limit -= len(data)
        for end in (source, sink):
            end.shutdown(socket.SHUT_RDWR)
