"""How secrets and configs reach a container.

Compose copies them into a container's own layer, which it cannot do with a read-only root (ENGINE trap 1). Read-only services therefore
mount a volume that the layer's ``init`` container has filled and left. The volume is on disk like compose's own copies are, and so is
still there when the engine restarts the containers by itself. Services with the same secrets share a volume; nobody sees another's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from posixpath import basename, dirname

from looma_cli.adapters.render.placeholders import SECRETS
from looma_cli.adapters.render.view import Mount
from looma_cli.model.edition import Component

SHARED = "/shared"
CONFIGS = "/run/configs"


@dataclass(frozen=True, slots=True)
class Given:
    """What one component is given: names of secrets, and configs as path in the container -> content."""

    component: Component
    secrets: tuple[str, ...]
    configs: Mapping[str, str]


@dataclass(slots=True)
class Delivery:
    """How all that reaches its containers: mounts per component, and what init copies (source -> target)."""

    mounts: dict[str, list[Mount]] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, Component] = field(default_factory=dict)  # volume -> the first component that mounts it
    secrets: dict[str, None] = field(default_factory=dict)  # what init is given
    configs: dict[str, str] = field(default_factory=dict)  # config name -> path in init


def config_name(component: Component, path: str) -> str:
    """The name of a config in the compose file: only what compose allows in names."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", f"{component.name}{path}")


def deliver(all_given: Iterable[Given]) -> Delivery:
    """Plan the volumes and copies that the read-only components need."""
    delivery = Delivery()
    sharers: dict[tuple[str, ...], str] = {}
    for given in all_given:
        if not given.component.read_only:
            continue
        if given.secrets:
            volume = sharers.setdefault(tuple(sorted(given.secrets)), f"{given.component.name}-secrets")
            _share_secrets(delivery, given, volume)
        for path in given.configs:
            _share_config(delivery, given.component, path)
    return delivery


def _share_secrets(delivery: Delivery, given: Given, volume: str) -> None:
    delivery.volumes.setdefault(volume, given.component)
    delivery.mounts.setdefault(given.component.name, []).append(Mount(volume, SECRETS, read_only=True))
    for name in given.secrets:
        delivery.secrets[name] = None
        delivery.copies[f"{SHARED}/{volume}/{name}"] = f"{SECRETS}/{name}"


def _share_config(delivery: Delivery, component: Component, path: str) -> None:
    name, folder = config_name(component, path), dirname(path)
    volume = config_name(component, folder)
    mount = Mount(volume, folder, read_only=True)
    mounts = delivery.mounts.setdefault(component.name, [])
    if mount not in mounts:
        mounts.append(mount)
    delivery.volumes.setdefault(volume, component)
    delivery.configs[name] = f"{CONFIGS}/{name}"
    delivery.copies[f"{SHARED}/{volume}/{basename(path)}"] = f"{CONFIGS}/{name}"
