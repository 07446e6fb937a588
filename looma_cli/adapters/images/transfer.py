"""Images from the controller's engine to a host's: only what the host lacks, only the layers that it lacks, never all of one in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from looma_cli.adapters.engine.api import EngineApi
from looma_cli.adapters.engine.objects import normal_image
from looma_cli.adapters.engine.removal import in_parallel
from looma_cli.adapters.images import layers as layering
from looma_cli.adapters.images.comparison import Held, held, serves
from looma_cli.adapters.images.saved import SavedImage, blob_names, reading
from looma_cli.adapters.images.turn import alone
from looma_cli.adapters.images.upload import uploading
from looma_cli.errors import CommandFailed, ImageUnavailable, NotAllowed, NotFound, Unreachable
from looma_cli.model.image import SentImage

SAVING_SECONDS = 600.0  # an engine writes an image to its own disk before it sends the first byte
REPORT_SECONDS = 0.25
NO_SPACE = "no space left"

Report = Callable[[str], None]


class EngineImageSender:
    """Implements ``ImageSender``: ``here`` is the controller's engine, ``there`` that of ``host``. Senders with the same ``lock`` (a file)
    take turns."""

    def __init__(self, here: EngineApi, there: EngineApi, host: str, lock: Path) -> None:
        self._here = here
        self._there = there
        self._host = host
        self._lock = lock

    def wanted(self, references: Sequence[str]) -> list[str]:
        return self._wanted(references, held(self._there.get("/images/json")))

    def _wanted(self, references: Sequence[str], there: Mapping[str, Held]) -> list[str]:
        try:
            here = held(self._here.get("/images/json"))
        except Unreachable:
            if any(normal_image(reference) not in there for reference in references):
                raise
            return []  # a controller without an engine of its own has nothing to send
        return [reference for reference in references if self._is_wanted(reference, here, there)]

    def _is_wanted(self, reference: str, here: Mapping[str, Held], there: Mapping[str, Held]) -> bool:
        mine, theirs = (known.get(normal_image(reference)) for known in (here, there))
        if mine is None and theirs is None:
            raise ImageUnavailable(
                f"image {reference} is neither on {self._host} nor on this machine's engine",
                "looma image build makes the local set",
                reference=reference,
            )
        return mine is not None and (theirs is None or not serves(theirs, mine))

    def send(self, references: Sequence[str], report: Report) -> list[SentImage]:
        if not self.wanted(references):
            return []
        with alone(self._lock, lambda: report(f"waiting for another looma that sends images to {self._host}")):
            before = held(self._there.get("/images/json"))
            wanted = self._wanted(references, before)
            chains = self._chains() if wanted else set()
            return [self._send(reference, chains, before, report) for reference in wanted]

    def _chains(self) -> set[str]:
        """Every layer that the host has, by its chain id."""
        ids = {image["Id"] for image in self._there.get("/images/json", {"all": "1"})}
        found = in_parallel(lambda id: self._layers(self._there, id), sorted(ids))
        return {chain for layers in found for chain in layering.chain_ids(layers)}

    @staticmethod
    def _layers(api: EngineApi, image: str) -> list[str]:
        """Digests of its layers' contents, from the base on; none for an image that is gone in the meantime."""
        try:
            return api.get(_path(image, "json"))["RootFS"].get("Layers") or []
        except NotFound:
            return []

    def _send(self, reference: str, chains: set[str], before: Mapping[str, Held], report: Report) -> SentImage:
        layers = self._layers(self._here, reference)
        count = self.deliver(reference, layers, layering.shared(layers, chains), report)
        chains.update(layering.chain_ids(layers))
        self._remove_superseded(reference, before)
        return SentImage(reference, count)

    def deliver(self, reference: str, layers: Sequence[str], present: int, report: Report) -> int:
        """Without the layers that are present; all of it, where the host does not take it like that: they may have gone meanwhile."""
        try:
            return self._upload(reference, layers, present, report)
        except ImageUnavailable as error:
            if not present or NO_SPACE in error.message:
                raise
        return self._upload(reference, layers, 0, report)

    def _upload(self, reference: str, layers: Sequence[str], present: int, report: Report) -> int:
        """How many bytes went over."""
        written = _Written(reference, self._total(reference, layers, present), report)
        with self._saved(reference) as image:
            if image.names_layers or not present:
                return self._forward(reference, image, layering.omitted(blob_names(layers), present), written)
            parts = image.parts()
        with self._saved(reference) as image:
            return self._forward(reference, image, layering.omitted(parts, present if len(parts) == len(layers) else 0), written)

    def _total(self, reference: str, layers: Sequence[str], present: int) -> int | None:
        sizes = layering.sizes(self._here.get(_path(reference, "history")), layers)
        return None if sizes is None else sum(sizes[present:])

    @contextmanager
    def _saved(self, reference: str) -> Iterator[SavedImage]:
        with (
            self._here.stream("GET", _path(reference, "get"), timeout_seconds=SAVING_SECONDS) as response,
            reading(response, self._here.way.place) as image,
        ):
            yield image

    def _forward(self, reference: str, image: SavedImage, omitted: frozenset[str], written: _Written) -> int:
        with uploading(self._there, lambda words: self._refused(reference, words), written) as upload:
            image.copy(upload, omitted)
            return upload.finish()

    def _refused(self, reference: str, words: str) -> ImageUnavailable:
        hint = f"free some disk on {self._host}: docker system df" if NO_SPACE in words else f"docker info on {self._host} says more"
        return ImageUnavailable(f"{self._host} does not take image {reference}: {words}", hint, reference=reference, host=self._host)

    def _remove_superseded(self, reference: str, before: Mapping[str, Held]) -> None:
        """The build that has lost its name to the new one would only fill the host's disk; one that a container still uses stays, and so
        does what has another name or is not of the local set."""
        name = normal_image(reference)
        old = before.get(name)
        if old is None or not old.digest or any(image.id == old.id for other, image in before.items() if other != name):
            return
        with suppress(NotFound, NotAllowed, CommandFailed):
            if self._there.get(_path(reference, "json"))["Id"] != old.id:
                self._there.delete(f"/images/{old.id}")


class _Written:
    """Tells how far it is, a few times a second."""

    def __init__(self, reference: str, total: int | None, report: Report) -> None:
        self._reference = reference
        self._total = total
        self._report = report
        self._last = 0.0
        self(0)

    def __call__(self, count: int) -> None:
        if time.monotonic() - self._last < REPORT_SECONDS:
            return
        whole = "" if self._total is None else f" of {max(self._total, count) / 1e6:.1f}"
        self._report(f"{self._reference}: sending {count / 1e6:.1f}{whole} MB")
        self._last = time.monotonic()


def _path(image: str, what: str) -> str:
    return f"/images/{quote(image, safe='/:@')}/{what}"


def open_image_sender(here: Any, there: Any, host: str, lock: Path) -> EngineImageSender:
    """Between the engines behind two ``ComposeEngine``."""
    return EngineImageSender(here.api, there.api, host, lock)
