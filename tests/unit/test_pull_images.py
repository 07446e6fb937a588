"""The step that has every image on a host: from a registry, from the controller's engine, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from looma_cli.errors import EngineUnavailable, ImageUnavailable
from looma_cli.steps.layers import PullImages
from tests.fakes.daemon import FakeDaemon
from tests.fakes.engine import FakeEngine
from tests.fakes.images import FakeImageSender


class Hosts:
    """The controller's engine and that of ``h1``; ``in_registry`` can be pulled anywhere."""

    def __init__(self, here: set[str], there: set[str], in_registry: set[str] | None = None) -> None:
        self.here, self.there = FakeDaemon(images=here), FakeDaemon(images=there)
        self.engines = {"local": FakeEngine(daemon=self.here), "h1": FakeEngine(daemon=self.there)}
        for engine in self.engines.values():
            engine.pullable = in_registry or set()
        self.senders: list[str] = []

    @property
    def world(self) -> Any:
        return SimpleNamespace(engine=self.engines.__getitem__, image_sender=self._sender)

    def _sender(self, host: str) -> FakeImageSender:
        self.senders.append(host)
        return FakeImageSender(self.here, self.there, host)

    def run(self, host: str, references: list[str], *, local: bool, progress: Callable[[str], None] = lambda text: None) -> str:
        return PullImages("acme", host, references, local).do(self.world, progress)


def test_local_images_go_to_a_host_once() -> None:
    hosts = Hosts({"a:1", "b:1"}, {"b:1"})
    said: list[str] = []
    assert hosts.run("h1", ["a:1", "b:1"], local=True, progress=said.append) == "1 sent, 0.0 MB"
    assert said == ["a:1: sending"]
    assert hosts.there.images == {"a:1", "b:1"}
    assert hosts.run("h1", ["a:1", "b:1"], local=True) == ""


def test_local_images_that_are_nowhere_are_an_error() -> None:
    hosts = Hosts({"a:1"}, set())
    with pytest.raises(ImageUnavailable, match="image b:1 is neither on h1"):
        hosts.run("h1", ["a:1", "b:1"], local=True)
    assert hosts.there.images == set()


def test_on_the_local_host_nothing_is_sent() -> None:
    hosts = Hosts({"a:1"}, set())
    assert hosts.run("local", ["a:1"], local=True) == ""
    with pytest.raises(ImageUnavailable, match="image b:1 is not on local") as caught:
        hosts.run("local", ["b:1"], local=True)
    assert caught.value.hint == "looma image build builds the local set"
    with pytest.raises(ImageUnavailable):
        hosts.run("local", ["b:1"], local=False)
    assert hosts.senders == []


def test_a_registry_comes_first() -> None:
    hosts = Hosts({"a:1"}, set(), in_registry={"a:1"})
    assert hosts.run("h1", ["a:1"], local=False) == "1 pulled"
    assert hosts.senders == []


def test_what_a_host_cannot_pull_is_sent_if_the_controller_has_it() -> None:
    hosts = Hosts({"a:1", "b:1"}, set(), in_registry={"b:1"})
    assert hosts.run("h1", ["b:1", "a:1"], local=False) == "1 sent, 0.0 MB"
    assert hosts.there.images == {"a:1", "b:1"}


def test_the_registrys_error_stands_where_the_controller_lacks_one_too() -> None:
    hosts = Hosts({"a:1"}, set())
    with pytest.raises(ImageUnavailable) as caught:
        hosts.run("h1", ["a:1", "b:1"], local=False)
    assert caught.value.details["reference"] == "a:1"
    assert hosts.there.images == set()


def test_the_registrys_error_stands_where_the_controller_has_no_engine() -> None:
    hosts = Hosts({"a:1"}, set())
    hosts.here.answers = False
    with pytest.raises(ImageUnavailable):
        hosts.run("h1", ["a:1"], local=False)


def test_a_host_that_goes_away_is_unknown_and_no_failure_of_the_image() -> None:
    hosts = Hosts({"a:1"}, set())
    hosts.there.answers = False
    for local in (True, False):
        with pytest.raises(EngineUnavailable):
            hosts.run("h1", ["a:1"], local=local)
