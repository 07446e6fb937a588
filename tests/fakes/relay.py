"""FakeRelay: implements ``Relay`` between two FakeDaemons and passes the contract tests of the real one."""

from __future__ import annotations

from looma_cli.errors import EngineUnavailable, ImageUnavailable, NotFound
from looma_cli.model.layer import LABEL_COMPONENT, LABEL_GENERATION, LABEL_INSTALLATION, LABEL_KIND, LABEL_LAYER, LABEL_TENANT
from looma_cli.model.relay import KIND, RelayLine
from tests.fakes.daemon import FakeContainer, FakeDaemon


class FakeRelay:
    """``lines`` are those that this process holds open, by the follower's volume; they end with the process, the containers do not."""

    def __init__(self, installation: str, source: FakeDaemon, target: FakeDaemon, lines: set[str]) -> None:
        self._installation = installation
        self._source = source
        self._target = target
        self._lines = lines

    def ensure(self, line: RelayLine) -> None:
        self._require_answers(self._source, self._target)
        if self._target.images is not None and line.image not in self._target.images:
            raise ImageUnavailable(f"the image {line.image} is not on the host", "looma image load")
        if line.layer.project not in self._target.networks:
            raise NotFound(f"this installation has no network {line.layer.project} on the host", "looma network list")
        container = self._target.containers.setdefault(_name(line), self._made(line))
        container.state, container.aliases = "running", {line.name}
        self._lines.add(_volume(line))

    def remove(self, line: RelayLine) -> None:
        self._lines.discard(_volume(line))
        self._require_answers(self._target)
        self._target.containers.pop(_name(line), None)

    def _made(self, line: RelayLine) -> FakeContainer:
        labels = {
            LABEL_INSTALLATION: self._installation,
            LABEL_TENANT: line.layer.tenant,
            LABEL_LAYER: line.layer.layer,
            LABEL_GENERATION: str(line.layer.generation),
            LABEL_COMPONENT: line.component,
            LABEL_KIND: KIND,
        }
        return FakeContainer(self._target.new_id(), _name(line), line.image, labels, networks={line.layer.project})

    @staticmethod
    def _require_answers(*daemons: FakeDaemon) -> None:
        if not all(daemon.answers for daemon in daemons):
            raise EngineUnavailable("no container engine answers at fake", "start it")


def _name(line: RelayLine) -> str:
    return f"{line.layer.project}-{line.component}"


def _volume(line: RelayLine) -> str:
    return f"{line.layer.project}_{line.store}-data"
