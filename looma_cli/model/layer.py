"""A layer as it is rendered and as it is seen running."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from looma_cli.model.tenant import LayerReference

LABEL_INSTALLATION = "looma.installation"
LABEL_TENANT = "looma.tenant"
LABEL_LAYER = "looma.layer"
LABEL_GENERATION = "looma.generation"
LABEL_OPERATION = "looma.operation"
LABEL_EDITION = "looma.edition"
LABEL_RELEASE = "looma.release"
LABEL_PROFILE = "looma.profile"
LABEL_COMPONENT = "looma.component"
LABEL_KIND = "looma.kind"
LABEL_OVERRIDDEN = "looma.override"  # a hash of what an override.yaml says of this container
LABEL_TENANT_RECORD = "looma.record"  # JSON of what `state rebuild` needs and no other label says


@dataclass(frozen=True, slots=True)
class RenderedLayer:
    """A self-contained layer: ``manifest`` is its compose file, ``secrets`` the environment it reads secrets from.

    ``images`` are the references it needs. Secrets are never written to disk by looma.
    """

    reference: LayerReference
    manifest: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Workload:
    """One container as the engine shows it. ``state`` is created, running, paused, restarting, exited, dead or removing;
    ``health`` is healthy, unhealthy, starting or none. ``started_at`` is the engine's own text (RFC 3339)."""

    id: str
    name: str
    component: str
    reference: LayerReference | None
    state: str
    health: str
    image: str
    exit_code: int | None = None
    out_of_memory: bool = False
    restarts: int = 0
    started_at: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[tuple[str, int, int], ...] = ()  # (address, host port, container port)
    networks: tuple[str, ...] = ()  # names of those that it is, or was last, attached to


@dataclass(frozen=True, slots=True)
class EngineVolume:
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineNetwork:
    name: str
    cidrs: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    driver: str = "bridge"


def reference_of(labels: Mapping[str, str]) -> LayerReference | None:
    """The layer that an object's labels name; None for the edge and for anything that is no layer's."""
    generation = labels.get(LABEL_GENERATION, "")
    if labels.get(LABEL_LAYER) not in ("data", "app") or not labels.get(LABEL_TENANT) or not generation.isdecimal():
        return None
    return LayerReference(labels[LABEL_TENANT], labels[LABEL_LAYER], int(generation))
