"""One host's container engine, and programs in its containers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from looma_cli.model.host import EngineInformation
from looma_cli.model.layer import EngineNetwork, EngineVolume, RenderedLayer, Workload
from looma_cli.model.tenant import LayerReference


class Engine(Protocol):
    """One host's container engine."""

    def information(self) -> EngineInformation:
        """Raises EngineUnavailable, ComposeUnavailable."""
        ...

    def missing_images(self, references: Sequence[str]) -> list[str]: ...
    def image_ids(self, references: Sequence[str]) -> dict[str, str]:
        """What each of those references means on the host (``sha256:…``); one that is not there is left out."""
        ...

    def pull(self, references: Sequence[str], report: Callable[[str], None]) -> None:
        """Raises ImageUnavailable naming the reference and where it was looked for."""
        ...

    def create(self, layer: RenderedLayer) -> None:
        """Networks, volumes and containers exist afterwards; nothing is started. Idempotent."""
        ...

    def start(self, layer: RenderedLayer) -> None:
        """Like create, and every container is started in dependency order; changed ones are recreated, and those whose network was
        removed while they stood still. Does not wait for health.

        Raises PortTaken, SubnetTaken, ImageUnavailable, CommandFailed.
        """
        ...

    def discard_unstarted(self, reference: LayerReference) -> None:
        """Removes the layer's containers that were created and never started: where their creation was cut short they may lack their
        secrets, and would be started like that. They hold no data. Idempotent."""
        ...

    def stop(self, reference: LayerReference, timeout_seconds: int = 30) -> None:
        """Containers stay, stopped. Idempotent; an absent layer is no error."""
        ...

    def restart(self, reference: LayerReference, component: str | None = None) -> None: ...
    def remove(self, reference: LayerReference, *, volumes: bool) -> None:
        """Removes containers, networks (and volumes) of exactly this installation's layer, found by labels; looks again until
        nothing is left. Idempotent; needs no rendered file."""
        ...

    def remove_volumes(self, tenant: str, names: Sequence[str]) -> None:
        """Removes those of this installation's volumes of the tenant. Idempotent. Raises NotAllowed for one that a container uses."""
        ...

    def workloads(self, tenant: str | None = None) -> list[Workload]: ...
    def volumes(self, tenant: str | None = None) -> list[EngineVolume]: ...
    def networks(self, *, everyones: bool = False) -> list[EngineNetwork]:
        """This installation's networks, or with ``everyones`` all of the engine's."""
        ...

    def published_ports(self) -> list[tuple[str, int, str]]:
        """(address, host port, protocol) of every container on the engine, stopped ones included, whoever's."""
        ...

    def logs(self, workload: Workload, *, tail: int | None, follow: bool, since: str | None) -> Iterable[str]: ...
    def execute(self, workload: Workload, command: Sequence[str]) -> tuple[int, str]:
        """Runs a command in the container; returns (exit code, combined output)."""
        ...

    def run_once(
        self, layer: RenderedLayer, component: str, arguments: Sequence[str], *, limit_seconds: float = 600.0
    ) -> tuple[int, str]:
        """A component's program with other arguments (as after the image's name in ``docker run``), to its end: in its container where
        that runs, else in one of its own that is removed afterwards. One that a killed looma left is ended first. Returns (exit code,
        combined output). Raises TimedOut past the limit, when nothing of it runs any more: if need be its container was ended too."""
        ...

    def read_file(self, workload: Workload, path: str) -> str | None:
        """Text of a file in a container, running or not; None where there is no such file. Raises NotFound for a container that is
        gone."""
        ...

    def attach(self, workload: Workload, command: Sequence[str], *, interactive: bool, terminal: bool) -> int:
        """Runs a command with this process's own standard streams; returns its exit code."""
        ...

    def open_program(self, workload: Workload, command: Sequence[str], *, mark: str = "") -> AbstractContextManager[Program]:
        """Runs a command in the container, its streams open to us; ended on leaving if it still runs. Raises NotFound, NotAllowed when
        the container does not run. ``mark`` (letters, digits, hyphens) tells it from others for ``end_programs``."""
        ...

    def end_programs(self, workload: Workload, mark: str) -> int:
        """Kills the programs with this mark that still run in the container, whoever started them; how many there were."""
        ...

    def volume_paths(self, workload: Workload) -> list[str]:
        """Where a container, running or not, has volumes that it may write to. Raises NotFound."""
        ...

    def open_beside(self, workload: Workload, image: str, command: Sequence[str], *, read_only: bool) -> AbstractContextManager[Program]:
        """Runs a command as root in a container of its own, with that container's writable volumes at the same paths and no network;
        removed on leaving. Raises NotFound, ImageUnavailable."""
        ...

    def end_beside(self, workload: Workload) -> None:
        """Removes containers beside it that a killed looma left. Idempotent."""
        ...

    def join(self, workload: Workload, network: str) -> None:
        """The container, running or not, is also attached to that network of this installation, where it goes by its container name
        alone. Idempotent. Raises NotFound."""
        ...

    def leave(self, workload: Workload, network: str) -> None:
        """Undoes ``join``. Idempotent; an absent network or container is no error."""
        ...

    def switch(self, workload: Workload, *, on: bool) -> None:
        """Starts or stops one container, with its own grace period. Idempotent. Raises NotFound."""
        ...


class Program(Protocol):
    """A program in a container, by its standard streams. Raises EngineUnavailable when the engine goes away."""

    def read(self) -> bytes:
        """The next piece of its standard output, at most 1 MiB; empty at the end."""
        ...

    def write(self, data: bytes) -> None:
        """All of it to its standard input. Raises CommandFailed when the program has ended or closed it."""
        ...

    def close_input(self) -> None: ...

    def finish(self) -> int:
        """Waits for the end, dropping what is left of its output; its exit code."""
        ...

    def errors(self) -> str:
        """The end of its standard error so far: the last 16 KiB."""
        ...
