"""Rigs: the same test talks to a FakeEngine and to a ComposeEngine, and disturbs both worlds in the same words."""

from __future__ import annotations

import json
import random
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

from looma_cli.adapters.engine import ComposeEngine, EngineApi
from looma_cli.model import layer as label
from looma_cli.model.layer import RenderedLayer
from looma_cli.model.protocols import Engine
from looma_cli.model.tenant import LayerReference
from tests.engine_objects import TEST_LABEL, owner_mark, remove_objects, start_container
from tests.fakes.daemon import FakeContainer, FakeDaemon, FakeNetwork
from tests.fakes.engine import FakeEngine

IMAGE = "looma/base:bookworm"
HEALTHY = {"test": ["CMD", "true"], "interval": "200ms", "retries": 2}
UNHEALTHY = {"test": ["CMD", "false"], "interval": "200ms", "retries": 5}


class Rig(Protocol):
    """One world: ``engine`` works for ``installation``; the other methods are what strangers do."""

    installation: str
    engine: Engine

    def engine_of(self, installation: str) -> Engine: ...
    def free_port(self) -> int: ...
    def free_subnet(self) -> str: ...
    def listening(self, port: int) -> Any: ...
    def stranger(self, name: str, *, port: int | None = None, network: str | None = None) -> None: ...
    def remove_stranger(self, name: str) -> None: ...
    def prune(self, network: str) -> None: ...
    def twin(self, reference: LayerReference, installation: str) -> str: ...
    def names(self, installation: str) -> set[str]: ...
    def programs(self, command: str) -> list[str]:
        """Programs with these words that run in containers of ``installation``, each as its container and its command."""
        ...


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    """Until the condition holds; fails when it does not in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


def new_installation() -> str:
    return uuid.uuid4().hex[:12]


def new_tenant() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


def service(says: str = "ready", then: str = "exec sleep 600", **more: Any) -> dict[str, Any]:
    """A component that says something and then stays."""
    return {"image": IMAGE, "command": ["sh", "-c", f"echo {says}; {then}"], "init": True, "stop_grace_period": "1s", **more}


def layer(
    rig: Rig,
    reference: LayerReference,
    services: Mapping[str, Mapping[str, Any]],
    *,
    subnet: str,
    volumes: Sequence[str] = (),
    secrets: Mapping[str, str] | None = None,
    join: str | None = None,
    installation: str | None = None,
) -> RenderedLayer:
    """A rendered layer as looma's own look: labels on everything, its own subnet, secrets from the environment."""
    labels = {
        TEST_LABEL: owner_mark(),
        label.LABEL_INSTALLATION: installation or rig.installation,
        label.LABEL_TENANT: reference.tenant,
        label.LABEL_LAYER: reference.layer,
        label.LABEL_GENERATION: str(reference.generation),
    }
    networks: dict[str, Any] = {"default": {"name": reference.project, "labels": labels, "ipam": {"config": [{"subnet": subnet}]}}}
    if join:
        networks["data"] = {"name": join, "external": True}
    document = {
        "services": {
            name: {"networks": list(networks), **spec, "labels": {**labels, label.LABEL_COMPONENT: name, **spec.get("labels", {})}}
            for name, spec in services.items()
        },
        "networks": networks,
        "volumes": {name: {"name": f"{reference.project}_{name}", "labels": labels} for name in volumes},
        "secrets": {name: {"environment": f"TEST_SECRET_{name.upper()}"} for name in secrets or {}},
    }
    environment = {f"TEST_SECRET_{name.upper()}": value for name, value in (secrets or {}).items()}
    return RenderedLayer(reference, json.dumps(document), environment, tuple({spec["image"] for spec in services.values()}))


def changed(old: RenderedLayer, service: str, **more: Any) -> RenderedLayer:
    """The layer with other fields of one service."""
    document = json.loads(old.manifest)
    document["services"][service] |= more
    return replace(old, manifest=json.dumps(document))


class FakeRig:
    def __init__(self) -> None:
        self.daemon = FakeDaemon(images={IMAGE})
        self.installation = new_installation()
        self.engine = FakeEngine(self.installation, self.daemon)
        self._ports = iter(range(28000, 29000))
        self._subnets = iter(range(0, 256, 16))

    def engine_of(self, installation: str) -> Engine:
        return FakeEngine(installation, self.daemon)

    def free_port(self) -> int:
        return next(self._ports)

    def free_subnet(self) -> str:
        return f"10.170.0.{next(self._subnets)}/28"

    @contextmanager
    def listening(self, port: int) -> Iterator[None]:
        self.daemon.foreign_ports.add(("127.0.0.1", port))
        yield
        self.daemon.foreign_ports.discard(("127.0.0.1", port))

    def stranger(self, name: str, *, port: int | None = None, network: str | None = None) -> None:
        self.daemon.add_foreign(name, port=("127.0.0.1", port) if port else None, networks=[network] if network else [])

    def remove_stranger(self, name: str) -> None:
        del self.daemon.containers[name]

    def prune(self, network: str) -> None:
        del self.daemon.networks[network]

    def twin(self, reference: LayerReference, installation: str) -> str:
        name = f"twin-{installation}"
        labels = twin_labels(reference, installation)
        self.daemon.containers[name] = FakeContainer(self.daemon.new_id(), name, IMAGE, labels, state="running")
        self.daemon.networks[name] = FakeNetwork(name, (), labels)
        self.daemon.volumes[name] = labels
        return name

    def names(self, installation: str) -> set[str]:
        return _names(self.engine_of(installation))

    def programs(self, command: str) -> list[str]:
        """The fake's programs end before anybody can look."""
        return []


class ComposeRig:
    def __init__(self, api: EngineApi) -> None:
        self.api = api
        self.installation = new_installation()
        self.installations = [self.installation]
        self.engine = ComposeEngine(None, self.installation)
        self._strangers: dict[str, str] = {}

    def engine_of(self, installation: str) -> Engine:
        self.installations.append(installation)
        return ComposeEngine(None, installation)

    def free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def free_subnet(self) -> str:
        """Outside looma's own pool and docker's; random, because other test runs may use the same engine."""
        return f"10.{random.randrange(160, 176)}.{random.randrange(256)}.{random.randrange(0, 256, 16)}/28"

    @contextmanager
    def listening(self, port: int) -> Iterator[None]:
        with socket.create_server(("127.0.0.1", port)):
            yield

    def stranger(self, name: str, *, port: int | None = None, network: str | None = None) -> None:
        bindings = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]} if port else {}
        options = {"ExposedPorts": {key: {} for key in bindings}, "HostConfig": {"PortBindings": bindings, "Init": True}}
        if network:
            options["HostConfig"]["NetworkMode"] = network
        self._strangers[name] = start_container(self.api, name, IMAGE, **options)

    def remove_stranger(self, name: str) -> None:
        self.api.request("DELETE", f"/containers/{self._strangers.pop(name)}", {"force": "1"})

    def prune(self, network: str) -> None:
        """As ``docker network prune`` does with one that no running container uses."""
        self.api.request("DELETE", f"/networks/{network}")

    def twin(self, reference: LayerReference, installation: str) -> str:
        self.installations.append(installation)
        name, labels = f"twin-{installation}", {TEST_LABEL: owner_mark(), **twin_labels(reference, installation)}
        start_container(self.api, name, IMAGE, Labels=labels, HostConfig={"Init": True, "NetworkMode": "none"})
        self.api.post("/networks/create", body={"Name": name, "Labels": labels, "IPAM": {"Config": [{"Subnet": self.free_subnet()}]}})
        self.api.post("/volumes/create", body={"Name": name, "Labels": labels})
        return name

    def names(self, installation: str) -> set[str]:
        return _names(self.engine_of(installation))

    def programs(self, command: str) -> list[str]:
        listed = self.api.listed("/containers/json", {label.LABEL_INSTALLATION: self.installation})
        lines = [(one["Names"][0], " ".join(line)) for one in listed for line in self.api.get(f"/containers/{one['Id']}/top")["Processes"]]
        return [f"{name}: {line}" for name, line in lines if command in line]

    def clean_up(self) -> None:
        for name in list(self._strangers):
            self.remove_stranger(name)
        remove_objects(self.api, label.LABEL_INSTALLATION, self.installations.__contains__)


def twin_labels(reference: LayerReference, installation: str) -> dict[str, str]:
    return {
        label.LABEL_INSTALLATION: installation,
        label.LABEL_TENANT: reference.tenant,
        label.LABEL_LAYER: reference.layer,
        label.LABEL_GENERATION: str(reference.generation),
    }


def _names(engine: Engine) -> set[str]:
    """Of everything on the engine that carries the installation's label."""
    return {thing.name for thing in (*engine.workloads(), *engine.networks(), *engine.volumes())}
