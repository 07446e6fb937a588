"""Two engines to send images between: fakes, or this machine's own and a second one."""

from __future__ import annotations

import io
import random
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from looma_cli.adapters.engine import EngineApi
from looma_cli.adapters.engine.objects import images_held
from looma_cli.adapters.images.builder import LABEL_DIGEST
from looma_cli.adapters.images.transfer import EngineImageSender
from looma_cli.model.protocols import ImageSender
from tests.engine_objects import TEST_LABEL, owner_mark
from tests.fakes.daemon import FakeDaemon
from tests.fakes.images import FakeImageSender

BASE_BYTES = 3_000_000
LAYER_BYTES = 100_000


def new_reference() -> str:
    return f"looma-test/{uuid.uuid4().hex[:10]}:1"


class Rig(Protocol):
    """``build`` makes an image on the controller's engine, of one layer more than the one that it stands on. ``layer_bytes`` is what such a
    layer is at least, ``another`` a sender of another home."""

    sender: ImageSender
    layer_bytes: int

    def build(self, reference: str, on: str | None = None) -> None: ...
    def there(self) -> set[str]: ...
    def forget(self, reference: str) -> None: ...
    def forget_here(self, reference: str) -> None: ...
    def another(self) -> ImageSender: ...
    def without_engine_here(self) -> ImageSender: ...


class FakeRig:
    layer_bytes = 1000

    def __init__(self) -> None:
        self._here, self._there = FakeDaemon(images=set()), FakeDaemon(images=set())
        self.sender = FakeImageSender(self._here, self._there, "h1")

    def build(self, reference: str, on: str | None = None) -> None:
        below = self.sender.builds[id(self._here), on] if on else ()
        self.sender.builds[id(self._here), reference] = (*below, uuid.uuid4().hex)
        self._here.images.add(reference)  # type: ignore[union-attr]

    def there(self) -> set[str]:
        return set(self._there.images or ())

    def forget(self, reference: str) -> None:
        self._there.images.discard(reference)  # type: ignore[union-attr]

    def forget_here(self, reference: str) -> None:
        self._here.images.discard(reference)  # type: ignore[union-attr]

    def another(self) -> ImageSender:
        return FakeImageSender(self._here, self._there, "h1", self.sender.builds)

    def without_engine_here(self) -> ImageSender:
        return FakeImageSender(FakeDaemon(answers=False), self._there, "h1", self.sender.builds)


class EngineRig:
    layer_bytes = LAYER_BYTES

    def __init__(self, here: EngineApi, there: EngineApi, home: Path, source: Callable[[EngineApi], EngineApi] = lambda api: api) -> None:
        self.here_api, self.there_api = here, there
        self._source = source(here)
        self._home = home
        self.lock = home / "images.lock"
        self._built: set[str] = set()
        self.sender: ImageSender = EngineImageSender(self._source, there, "h1", self.lock)

    def build(self, reference: str, on: str | None = None) -> None:
        self._built.add(reference)
        name, _, tag = reference.rpartition(":")
        layer = _layer(BASE_BYTES if on is None else LAYER_BYTES)
        labels = [f"LABEL {key}={value}" for key, value in ((TEST_LABEL, owner_mark()), (LABEL_DIGEST, uuid.uuid4().hex))]
        query = {"repo": name, "tag": tag, "changes": labels}
        if on is None:
            self._post("/images/create", {"fromSrc": "-", **query}, layer)
            return
        container = self.here_api.post("/containers/create", body={"Image": on, "Cmd": ["none"]})["Id"]
        self.here_api.exchange("PUT", f"/containers/{container}/archive", {"path": "/"}, layer)
        self._post("/commit", {"container": container, **query}, None)
        self.here_api.delete(f"/containers/{container}", {"force": "1"})

    def _post(self, path: str, query: dict[str, object], body: bytes | None) -> None:
        from urllib.parse import urlencode

        answer = self.here_api.exchange("POST", f"{path}?{urlencode(query, doseq=True)}", body=body)
        assert answer.status < 300, answer.message
        assert b'"error"' not in answer.body, answer.body

    def there(self) -> set[str]:
        return {name for name in images_held(self.there_api.get("/images/json")) if name in self._built}

    def count_there(self) -> int:
        """Images with and without a name."""
        return len(self.there_api.get("/images/json", {"all": "1"}))

    def forget(self, reference: str) -> None:
        self.there_api.delete(f"/images/{reference}")

    def forget_here(self, reference: str) -> None:
        self.here_api.delete(f"/images/{reference}")

    def another(self) -> ImageSender:
        return EngineImageSender(self._source, self.there_api, "h1", self._home / uuid.uuid4().hex)

    def without_engine_here(self) -> ImageSender:
        return EngineImageSender(EngineApi(f"unix://{self._home}/nobody.sock", {}), self.there_api, "h1", self.lock)

    def clean_up(self) -> None:
        for api in (self.here_api, self.there_api):
            for reference in self._built & images_held(api.get("/images/json")):
                api.delete(f"/images/{reference}", {"force": "1"})


def _layer(size: int) -> bytes:
    """A tar with one file of bytes that nothing can compress."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(uuid.uuid4().hex)
        entry.size = size
        archive.addfile(entry, io.BytesIO(random.randbytes(size)))
    return buffer.getvalue()
