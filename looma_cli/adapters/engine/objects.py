"""The engine's JSON as our nouns, and image references as one spelling. Pure."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from looma_cli.model.layer import (
    LABEL_COMPONENT,
    LABEL_GENERATION,
    LABEL_INSTALLATION,
    LABEL_LAYER,
    LABEL_TENANT,
    EngineNetwork,
    EngineVolume,
    Workload,
)
from looma_cli.model.tenant import LayerReference

COMPOSE_PROJECT = "com.docker.compose.project"
COMPOSE_SERVICE = "com.docker.compose.service"
COMPOSE_DEPENDS_ON = "com.docker.compose.depends_on"
EVERY_ADDRESS = "0.0.0.0"


def layer_labels(installation: str, reference: LayerReference) -> dict[str, str]:
    """Exactly these labels say that an object belongs to that layer of this installation."""
    return {
        LABEL_INSTALLATION: installation,
        LABEL_TENANT: reference.tenant,
        LABEL_LAYER: reference.layer,
        LABEL_GENERATION: str(reference.generation),
    }


def reference_of(labels: Mapping[str, str]) -> LayerReference | None:
    """The layer that an object's labels name; None if one is missing."""
    tenant, layer, generation = (labels.get(name) for name in (LABEL_TENANT, LABEL_LAYER, LABEL_GENERATION))
    if tenant and layer and generation and generation.isdecimal():
        return LayerReference(tenant, layer, int(generation))
    return None


def workload(inspected: Mapping[str, Any]) -> Workload:
    """From the answer of ``GET /containers/{id}/json``."""
    state, config = inspected["State"], inspected["Config"]
    labels = config.get("Labels") or {}
    name = inspected["Name"].removeprefix("/")
    return Workload(
        id=inspected["Id"],
        name=name,
        component=labels.get(LABEL_COMPONENT) or labels.get(COMPOSE_SERVICE) or name,
        reference=reference_of(labels),
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status") or "none",
        image=config["Image"],
        exit_code=state["ExitCode"] if state["Status"] in ("exited", "dead", "restarting") else None,
        out_of_memory=state.get("OOMKilled", False),
        restarts=inspected.get("RestartCount", 0),
        started_at="" if state["StartedAt"].startswith("0001-") else state["StartedAt"],
        labels=labels,
        ports=tuple((address, port, container) for address, port, container, _ in bindings(inspected)),
        networks=tuple(sorted((inspected.get("NetworkSettings") or {}).get("Networks") or {})),
    )


def bindings(inspected: Mapping[str, Any]) -> Iterator[tuple[str, int, int, str]]:
    """(address, host port, container port, protocol) that a container asks for, running or not."""
    for target, hosts in ((inspected.get("HostConfig") or {}).get("PortBindings") or {}).items():
        container, _, protocol = target.partition("/")
        for host in hosts or ():
            for port in _range(host.get("HostPort") or ""):
                yield host.get("HostIp") or EVERY_ADDRESS, port, int(container), protocol or "tcp"


def _range(ports: str) -> Iterable[int]:
    """``8000`` or ``8000-8010``; nothing for an ephemeral port, which is only known while the container runs."""
    first, _, last = ports.partition("-")
    return range(int(first), int(last or first) + 1) if first not in ("", "0") else ()


def published(listed: Mapping[str, Any]) -> Iterator[tuple[str, int, str]]:
    """(address, host port, protocol) of a running container, from ``GET /containers/json``."""
    for port in listed.get("Ports") or ():
        if port.get("PublicPort"):
            yield port.get("IP") or EVERY_ADDRESS, port["PublicPort"], port["Type"]


def volume(listed: Mapping[str, Any]) -> EngineVolume:
    return EngineVolume(listed["Name"], listed.get("Labels") or {})


def network(listed: Mapping[str, Any]) -> EngineNetwork:
    configs = (listed.get("IPAM") or {}).get("Config") or ()
    cidrs = tuple(config["Subnet"] for config in configs if config.get("Subnet"))
    return EngineNetwork(listed["Name"], cidrs, listed.get("Labels") or {}, listed.get("Driver") or "")


def is_one_off(listed: Mapping[str, Any]) -> bool:
    """A container of ``run_once``, which is no component of its layer."""
    return (listed.get("Labels") or {}).get("com.docker.compose.oneoff") == "True"


def is_stranded(listed: Mapping[str, Any], networks: Container[str]) -> bool:
    """Whether a container that stands still hangs on a network (of these ids) that is gone: the engine will not start it again, not even
    on a new network of the same name. One that never ran has no ids yet."""
    attached = (listed.get("NetworkSettings") or {}).get("Networks") or {}
    ids = [end.get("NetworkID") for end in attached.values()]
    return listed["State"] != "running" and any(id and id not in networks for id in ids)


def archived_text(archive: bytes) -> str | None:
    """The one file in an answer of ``GET /containers/{id}/archive``; None for a folder or a link."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        entry = tar.next()
        file = tar.extractfile(entry) if entry is not None and entry.isfile() else None
        return None if file is None else file.read().decode("utf-8", "surrogateescape")


def waves(workloads: Sequence[Workload]) -> list[list[Workload]]:
    """Groups of containers in dependency order, those that others need first (compose keeps the order in a label)."""
    waiting = {w.labels.get(COMPOSE_SERVICE, w.name): w for w in workloads}
    needs = {name: _needed(w) & waiting.keys() for name, w in waiting.items()}
    ordered = []
    while waiting:
        ready = [name for name in waiting if not needs[name] & waiting.keys()] or list(waiting)
        ordered.append([waiting.pop(name) for name in ready])
    return ordered


def lasting(workloads: Sequence[Workload]) -> list[Workload]:
    """Without the jobs that others need only to have ended well: an init container is no service to restart."""
    parts = [part.split(":") for w in workloads for part in w.labels.get(COMPOSE_DEPENDS_ON, "").split(",")]
    jobs = {part[0] for part in parts if part[1:2] == ["service_completed_successfully"]}
    return [w for w in workloads if w.labels.get(COMPOSE_SERVICE) not in jobs or w.state == "running"]


def _needed(workload: Workload) -> set[str]:
    """From ``mysql:service_healthy:false,redis:service_started:false``."""
    return {part.partition(":")[0] for part in workload.labels.get(COMPOSE_DEPENDS_ON, "").split(",") if part}


def normal_image(reference: str) -> str:
    """One spelling: ``docker.io/library/mysql`` and ``mysql`` are both ``mysql:latest``."""
    name = reference.removeprefix("docker.io/").removeprefix("library/")
    if "@" in name or ":" in name.rpartition("/")[2]:
        return name
    return f"{name}:latest"


def images_held(listed: Iterable[Mapping[str, Any]]) -> set[str]:
    """Every spelling under which the engine's images can be meant, from ``GET /images/json``."""
    return set(image_ids(listed))


def image_ids(listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The same, each with the id of what is meant."""
    held: dict[str, str] = {}
    for image in listed:
        held[image["Id"]] = image["Id"]
        held |= {normal_image(name): image["Id"] for key in ("RepoTags", "RepoDigests") for name in image.get(key) or ()}
    return held
