"""From parsed component files and a manifest's overrides to Components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from looma_cli.adapters.catalog.shapes import secrets_of
from looma_cli.model.edition import PROFILES, Component, ImageReference, Probe, PublishedPort, Resources

_MERGED = ("image", "probe", "environment", "connection", "volumes", "configs", "ulimits", "backup")
_PLAIN = (
    *("temporary", "capabilities", "user", "read_only", "metrics_path", "stop_grace_seconds", "stop_signal", "provided_by"),
    *("environment", "volumes", "configs", "command", "entrypoint", "migrate", "ulimits", "healthcheck"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One component of a manifest before it is built: what its type says merged with what the manifest says."""

    name: str
    line: int
    type: str
    values: Mapping[str, Any]
    ports: Mapping[str, tuple[int | None, int]]  # port name -> (documented host port or None, line)

    @property
    def layer(self) -> str:
        return self.values.get("layer") or ("app" if self.values["kind"] == "service" else "data")

    @property
    def profiles(self) -> tuple[str, ...]:
        return self.values.get("profiles", PROFILES)

    @property
    def path(self) -> str | None:
        """Services have one of their own name unless the manifest gives another."""
        own = self.values.get("path")
        return own[0] if own else (f"/{self.name}" if self.values["kind"] == "service" else None)


def merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """``overrides`` over ``base``: key by key for mappings (profile by profile for resources), whole otherwise."""
    result = {**base, **overrides}
    for key in _MERGED:
        if key in base and key in overrides:
            result[key] = {**base[key], **overrides[key]}
    if "resources" in base and "resources" in overrides:
        result["resources"] = _merged_resources(base["resources"], overrides["resources"])
    return result


def _merged_resources(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {profile: {**base.get(profile, {}), **overrides.get(profile, {})} for profile in {**base, **overrides}}


def build(entry: Entry) -> Component:
    """The Component of a checked entry."""
    values = entry.values
    ports = _ports(entry)
    connection = {k: _own(v, entry.name, ports) for k, v in values.get("connection", {}).items()}
    return Component(
        name=entry.name,
        kind=values["kind"],
        type=entry.type,
        layer=entry.layer,
        title=values.get("title", entry.name),
        image=ImageReference(values["image"]["registry"], values["image"].get("local")),
        ports=ports,
        probe=_probe(values["probe"], ports),
        resources=_resources(values["resources"], entry.profiles),
        profiles=entry.profiles,
        connection=connection,
        secrets=_secrets(values),
        depends_on=tuple(name for name, _ in values.get("depends_on", ())),
        path=entry.path,
        backup=_backup(values),
        **_given(values),
    )


def _backup(values: Mapping[str, Any]) -> Mapping[str, str]:
    """What keeps data and does not say how is backed up by its volumes: nothing is left out because nobody thought of it."""
    return values.get("backup") or {"driver": "volume" if values.get("volumes") else "none"}


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"healthcheck": ()} | {key: values[key] for key in _PLAIN if key in values}


def _ports(entry: Entry) -> tuple[PublishedPort, ...]:
    """In the type's order. A documented container port is the host port's number."""
    declared = entry.values["ports"]
    names = [*declared, *(name for name in entry.ports if name not in declared)]
    return tuple(_port(name, declared.get(name, (None, "tcp")), entry.ports[name][0]) for name in names if name in entry.ports)


def _port(name: str, container: tuple[int | None, str], canonical: int | None) -> PublishedPort:
    number, protocol = container
    return PublishedPort(name, number or canonical or 0, canonical, protocol)


def _probe(values: Mapping[str, Any], ports: tuple[PublishedPort, ...]) -> Probe:
    port = values.get("port") or (ports[0].name if ports else "")
    return Probe(values["kind"], port, values.get("path", "/"), values.get("expect", (200,)))


def _resources(values: Mapping[str, Any], profiles: tuple[str, ...]) -> dict[str, Resources]:
    return {profile: _limits(values[profile]) for profile in profiles}


def _limits(values: Mapping[str, Any]) -> Resources:
    pids = {"pids": values["pids"]} if "pids" in values else {}
    return Resources(values["memory"], float(values["cpus"]), **pids)


def _secrets(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Named ones, then those that the component's own strings ask for, or its connection hands out; each once."""
    texts = [*values.get("environment", {}).values(), *values.get("connection", {}).values()]
    texts += values.get("backup", {}).values()
    for key in ("entrypoint", "command", "healthcheck"):
        texts += values.get(key, ())
    return tuple(dict.fromkeys([*values.get("secrets", ()), *(name for text in texts for name in secrets_of(text))]))


def _own(text: str, name: str, ports: tuple[PublishedPort, ...]) -> str:
    """A connection's $(service) and $(port) are the datastore's, whoever reads it later."""
    port = str(ports[0].container_port) if ports else ""
    return text.replace("$(service)", name).replace("$(port)", port)
