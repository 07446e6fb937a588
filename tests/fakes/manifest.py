"""What the fake engine understands of a compose manifest, and how it shows a container."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from looma_cli.model.layer import LABEL_COMPONENT, LABEL_GENERATION, LABEL_LAYER, LABEL_TENANT, RenderedLayer, Workload
from looma_cli.model.tenant import LayerReference
from tests.fakes.daemon import FakeContainer, FakeNetwork


@dataclass(frozen=True)
class Manifest:
    networks: tuple[FakeNetwork, ...]
    external_networks: tuple[str, ...]
    volumes: Mapping[str, Mapping[str, str]]  # name on the engine -> labels
    containers: tuple[FakeContainer, ...]  # in dependency order, without ids


def read(layer: RenderedLayer) -> Manifest:
    """The layer as compose would understand it (names get the project's prefix unless they are given)."""
    document = _interpolated(yaml.load(layer.manifest, Loader=yaml.CSafeLoader))
    project = layer.reference.project
    networks = document.get("networks") or {"default": {}}
    volumes = {key: _name(project, key, spec) for key, spec in (document.get("volumes") or {}).items()}
    names = {key: _name(project, key, spec) for key, spec in networks.items()}
    services = {
        name: _container(name, spec, project, names, volumes, _secrets(document, layer)) for name, spec in document["services"].items()
    }
    return Manifest(
        networks=tuple(_network(names[key], spec or {}) for key, spec in networks.items() if not (spec or {}).get("external")),
        external_networks=tuple(names[key] for key, spec in networks.items() if (spec or {}).get("external")),
        volumes={volumes[key]: _labels(spec or {}) for key, spec in (document.get("volumes") or {}).items()},
        containers=tuple(services[name] for name in _ordered(services)),
    )


def _interpolated(value: Any) -> Any:
    """A doubled dollar is one; variables are not known here."""
    if isinstance(value, dict):
        return {key: _interpolated(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_interpolated(item) for item in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


def _name(project: str, key: str, spec: Mapping[str, Any] | None) -> str:
    return (spec or {}).get("name") or f"{project}_{key}"


def _labels(spec: Mapping[str, Any]) -> dict[str, str]:
    labels = spec.get("labels") or {}
    if isinstance(labels, list):
        labels = dict(item.split("=", 1) for item in labels)
    return {str(key): str(value) for key, value in labels.items()}


def _network(name: str, spec: Mapping[str, Any]) -> FakeNetwork:
    cidrs = tuple(entry["subnet"] for entry in (spec.get("ipam") or {}).get("config") or ())
    return FakeNetwork(name, cidrs, _labels(spec))


def _secrets(document: Mapping[str, Any], layer: RenderedLayer) -> dict[str, str]:
    """Secret name -> content, from the environment that the layer names."""
    return {name: layer.secrets.get(spec["environment"], "") for name, spec in (document.get("secrets") or {}).items()}


def _container(
    name: str, spec: Mapping[str, Any], project: str, networks: Mapping[str, str], volumes: Mapping[str, str], secrets: Mapping[str, str]
) -> FakeContainer:
    joined = [] if spec.get("network_mode") else spec.get("networks") or ["default"]
    command = spec.get("command") or ()
    return FakeContainer(
        id="",
        name=f"{project}-{name}-1",
        image=spec["image"],
        labels=_labels(spec),
        project=project,
        service=name,
        config=hashlib.sha256(json.dumps(spec, sort_keys=True, default=str).encode()).hexdigest(),
        command=tuple(command.split() if isinstance(command, str) else command),
        ports=tuple(_port(entry) for entry in spec.get("ports") or ()),
        networks={networks[key] for key in joined},
        volumes=tuple(filter(None, (_volume(entry, volumes) for entry in spec.get("volumes") or ()))),
        depends_on=_depends_on(spec.get("depends_on") or {}),
        checked="healthcheck" in spec,
        files={f"/run/secrets/{secret}": secrets[secret] for secret in spec.get("secrets") or () if isinstance(secret, str)},
    )


def _port(entry: str | Mapping[str, Any]) -> tuple[str, int, int, str]:
    """Short (``127.0.0.1:8080:80/tcp``) and long form."""
    if isinstance(entry, Mapping):
        return entry.get("host_ip") or "0.0.0.0", int(entry["published"]), int(entry["target"]), entry.get("protocol") or "tcp"
    numbers, _, protocol = entry.partition("/")
    *address, host, container = numbers.rsplit(":", 2)
    return (address[0] if address else "0.0.0.0"), int(host), int(container), protocol or "tcp"


def _volume(entry: str | Mapping[str, Any], volumes: Mapping[str, str]) -> str | None:
    source = entry.get("source") if isinstance(entry, Mapping) else entry.partition(":")[0]
    return volumes.get(source or "")


def _depends_on(spec: list[str] | Mapping[str, Any]) -> dict[str, str]:
    if isinstance(spec, list):
        return dict.fromkeys(spec, "service_started")
    return {name: entry.get("condition", "service_started") for name, entry in spec.items()}


def _ordered(services: Mapping[str, FakeContainer]) -> list[str]:
    """Those that others need first."""
    ordered: list[str] = []
    while len(ordered) < len(services):
        ready = [n for n, c in services.items() if n not in ordered and set(c.depends_on) <= set(ordered)]
        if not ready:
            raise AssertionError("the manifest's dependencies form a cycle")
        ordered += ready
    return ordered


def workload(container: FakeContainer) -> Workload:
    reference = None
    if {LABEL_TENANT, LABEL_LAYER, LABEL_GENERATION} <= container.labels.keys():
        tenant, layer, generation = (container.labels[label] for label in (LABEL_TENANT, LABEL_LAYER, LABEL_GENERATION))
        reference = LayerReference(tenant, layer, int(generation))
    return Workload(
        id=container.id,
        name=container.name,
        component=container.labels.get(LABEL_COMPONENT, container.service),
        reference=reference,
        state=container.state,
        health=container.health,
        image=container.image,
        exit_code=container.exit_code,
        out_of_memory=container.out_of_memory,
        restarts=container.restarts,
        started_at=container.started_at,
        labels=dict(container.labels),
        ports=tuple((address, port, inside) for address, port, inside, _ in container.ports),
        networks=tuple(sorted(container.networks)),
    )
