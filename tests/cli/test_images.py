"""`looma image`: exit codes, documents and the text that people see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli


@dataclass(frozen=True)
class BuildResult:
    name: str
    reference: str
    state: str
    seconds: float


class Images:
    """Stands in for the image use cases, whose builder drives the real docker command."""

    def __init__(self, looma: Any) -> None:
        self._real = looma.images
        self.calls: list[tuple[Any, ...]] = []

    def list(self, edition: str | None = None, profile: str | None = None, **host: str) -> list[Any]:
        return self._real.list(edition, profile, **host)

    def sendable(self, *wanted: Any) -> list[str]:
        return self._real.sendable(*wanted)

    def send(self, *wanted: Any) -> list[Any]:
        return self._real.send(*wanted)

    def build(self, names: list[str], *, fresh: bool = False) -> list[BuildResult]:
        self.calls.append(("build", tuple(names), fresh))
        return [BuildResult("redis", "looma/redis:7.0", "built", 1.25)]

    def bundle(self, path: Path, edition: str | None, profile: str | None) -> list[str]:
        self.calls.append(("bundle", path.name, edition, profile))
        return ["looma/redis:7.0"]

    def load(self, path: Path) -> list[str]:
        self.calls.append(("load", path.name))
        return ["looma/redis:7.0"]


@pytest.fixture
def images(cli: Cli) -> Cli:
    cli.prepare = lambda looma: looma.__dict__.__setitem__("images", Images(looma))
    return cli


def calls(cli: Cli) -> list[tuple[Any, ...]]:
    return [call for looma in cli.opened for call in looma.images.calls]


def test_image_list(cli: Cli) -> None:
    found = cli.json("image", "list", "--edition", "basic", "--profile", "lite")["images"]
    assert {"reference", "source", "needed_by", "present"} == set(found[0])
    assert any("basic/mysql" in image["needed_by"] for image in found)
    assert {image["source"] for image in cli.json("image", "list", "--images", "registry")["images"]} == {"registry"}
    assert "looma/redis" in cli("image", "list").out


def test_image_build(images: Cli) -> None:
    document = images.json("image", "build", "redis")
    assert document == {"images": [{"name": "redis", "reference": "looma/redis:7.0", "state": "built", "duration_ms": 1250}]}
    assert images("image", "build").out.splitlines()[1].split() == ["looma/redis:7.0", "built", "1.2s"]
    images.json("image", "build", "redis", "--fresh")
    assert calls(images) == [("build", ("redis",), False), ("build", (), False), ("build", ("redis",), True)]


def test_image_build_dry_run_builds_nothing(images: Cli) -> None:
    images.machine.daemon.images = set()
    plan = images.json("image", "build", "redis", "--dry-run")["plan"]
    assert (plan["kind"], plan["tenant"], len(plan["changes"])) == ("image.build", None, 1)
    images.machine.daemon.images = None
    assert images.json("image", "build", "redis", "--dry-run")["plan"]["changes"] == []
    assert images.json("image", "build", "redis", "--fresh", "--dry-run")["plan"]["changes"] == ["~ image looma/redis:7.0"]
    assert calls(images) == []


def test_image_bundle_and_load(images: Cli, tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    assert images.json("image", "bundle", str(file), "--edition", "basic") == {"file": str(file), "images": ["looma/redis:7.0"]}
    assert images.json("image", "load", str(file), code=2)["error"]["code"] == "invalid_value"
    file.write_bytes(b"")
    assert images("image", "load", str(file)).out == "looma/redis:7.0\n"
    assert images.json("image", "load", str(file), "--dry-run")["plan"]["kind"] == "image.load"
    assert images.json("image", "bundle", str(file), "--dry-run")["plan"]["changes"][0].startswith(f"+ file {file}")
    assert calls(images) == [("bundle", "b.tar", "basic", None), ("load", "b.tar")]


REDIS = "looma/redis:7.0"


@pytest.fixture
def two(cli: Cli) -> Cli:
    """Another host, ``h1``, without any image."""
    cli.machine.add_host("h1").daemon.images = set()
    return cli


def test_image_list_of_a_host(two: Cli) -> None:
    arguments = ("image", "list", "--edition", "basic", "--profile", "lite")
    assert {image["present"] for image in two.json(*arguments)["images"]} == {True}
    assert {image["present"] for image in two.json(*arguments, "--host", "h1")["images"]} == {False}
    assert two.json(*arguments, "--host", "h9", code=3)["error"]["code"] == "not_found"


def test_image_send(two: Cli) -> None:
    there = two.machine.daemon_of("h1")
    plan = two.json("image", "send", "--host", "h1", REDIS, "--dry-run")["plan"]
    assert (plan["kind"], plan["changes"], there.images) == ("image.send", [f"+ image {REDIS} on h1"], set())
    assert two.json("image", "send", "--host", "h1", REDIS) == {"host": "h1", "images": [{"reference": REDIS, "sent_bytes": 1000}]}
    assert there.images == {REDIS}
    again = two("image", "send", "--host", "h1", REDIS)
    assert (again.code, again.out) == (0, "The host has them all.\n")
    sent = two.json("image", "send", "--host", "h1", "--edition", "basic", "--profile", "lite")["images"]
    assert {image["reference"] for image in sent} == (there.images or set()) - {REDIS}
    assert all(image["present"] for image in two.json("image", "list", "-e", "basic", "--profile", "lite", "--host", "h1")["images"])


def test_images_are_not_sent_to_where_they_are(two: Cli) -> None:
    for arguments, code in ((("--host", "local"), 2), (("--host", "h1", "Not An Image"), 2), (("--host", "h9"), 3), ((), 2)):
        assert two("image", "send", *arguments, "-o", "json").code == code, arguments
    two.machine.daemon.images = set()
    assert two.json("image", "send", "--host", "h1", REDIS, code=1)["error"]["code"] == "image_unavailable"


def test_a_tenant_on_another_host_brings_its_images(two: Cli) -> None:
    two.json("tenant", "create", "acme", "--edition", "basic", "--profile", "lite", "--host", "h1")
    there = two.machine.daemon_of("h1")
    assert REDIS in (there.images or ())
    assert {container.image for container in there.containers.values()} <= (there.images or set())
