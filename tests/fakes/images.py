"""FakeImageSender: implements ``ImageSender`` between two FakeDaemons and passes the contract tests of the real one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from looma_cli.errors import EngineUnavailable, ImageUnavailable
from looma_cli.model.image import SentImage
from tests.fakes.daemon import FakeDaemon

LAYER_BYTES = 1000


@dataclass
class FakeImageSender:
    """``builds`` says what an image of the one or of the other daemon is made of, from its base on; one that is not in it has a layer of
    its own name. ``room`` is how many layers more the far disk takes."""

    here: FakeDaemon
    there: FakeDaemon
    host: str
    builds: dict[tuple[int, str], tuple[str, ...]] = field(default_factory=dict)
    room: int = 10_000

    def wanted(self, references: Sequence[str]) -> list[str]:
        all_there = all(self._has(self.there, reference) for reference in references)
        if not self.there.answers or not (self.here.answers or all_there):
            raise EngineUnavailable("no container engine answers at fake", "start it")
        if not self.here.answers:
            return []
        for reference in references:
            if not self._has(self.here, reference) and not self._has(self.there, reference):
                raise ImageUnavailable(f"image {reference} is neither on {self.host} nor here", "looma image build", reference=reference)
        return [r for r in references if self._has(self.here, r) and not (self._has(self.there, r) and self._same(r))]

    def send(self, references: Sequence[str], report: Callable[[str], None]) -> list[SentImage]:
        sent = []
        for reference in self.wanted(references):
            report(f"{reference}: sending")
            missing = set(self._layers(self.here, reference)) - self._all_layers()
            if len(missing) > self.room:
                raise ImageUnavailable(f"{self.host} does not take image {reference}: no space left on device", "free some disk")
            assert self.there.images is not None  # a daemon that has every image wants none
            self.there.images.add(reference)
            self.builds[id(self.there), reference] = self._layers(self.here, reference)
            sent.append(SentImage(reference, len(missing) * LAYER_BYTES))
        return sent

    def _same(self, reference: str) -> bool:
        return self._layers(self.here, reference) == self._layers(self.there, reference)

    def _layers(self, daemon: FakeDaemon, reference: str) -> tuple[str, ...]:
        return self.builds.get((id(daemon), reference), (reference,))

    def _all_layers(self) -> set[str]:
        return {layer for reference in self.there.images or () for layer in self._layers(self.there, reference)}

    @staticmethod
    def _has(daemon: FakeDaemon, reference: str) -> bool:
        return daemon.images is None or reference in daemon.images
