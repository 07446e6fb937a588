"""What the layer template sees: plain values, every decision about them already taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Mount:
    """A named volume in a container. ``source`` is a key of ``LayerView.volumes``."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """A published port: ``address:host`` on the host, ``container`` inside."""

    address: str
    host: int
    container: int
    protocol: str


@dataclass(frozen=True, slots=True)
class Limits:
    """``memory`` as compose writes sizes (``256M`` is MiB), ``cpus`` in cores, ``pids`` as a count."""

    memory: str
    cpus: str
    pids: int


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One container. ``secrets`` and ``configs`` are given by compose itself, those of a read-only service come in ``mounts``."""

    name: str
    image: str
    labels: Mapping[str, str]
    limits: Limits
    stop_grace_seconds: int
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] = ()
    stop_signal: str | None = None
    user: str | None = None
    read_only: bool = False
    capabilities: tuple[str, ...] = ()
    ulimits: Mapping[str, int] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    temporary: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    secrets: tuple[str, ...] = ()
    configs: Mapping[str, str] = field(default_factory=dict)  # key of LayerView.configs -> path in the container
    depends_on: Mapping[str, str] = field(default_factory=dict)  # service -> condition


@dataclass(frozen=True, slots=True)
class InitView:
    """The container that copies secrets and configs to where read-only services see them, and ends.

    ``copies`` are pairs of paths in its own file system, flat: source, target, source, target, ...
    """

    name: str
    image: str
    labels: Mapping[str, str]
    copies: tuple[str, ...]
    mounts: tuple[Mount, ...]
    secrets: tuple[str, ...]
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the label ``looma.configuration`` is a hash over: names of secrets, and configs as path -> content."""

    secrets: tuple[str, ...]
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LayerView:
    """One compose project. ``data_network`` is the engine's name of the data layer's network, for an app layer."""

    project: str
    layer: str
    pull_policy: str
    start_interval: bool
    services: tuple[ServiceView, ...]
    init: InitView | None
    volumes: Mapping[str, Mapping[str, str]]  # key -> labels
    network_labels: Mapping[str, str]
    subnet: str
    data_network: str | None
    secrets: Mapping[str, str]  # name -> variable in compose's environment
    configs: Mapping[str, str]  # name -> content
    fingerprints: Mapping[str, Fingerprint]  # container -> what its hash is over
