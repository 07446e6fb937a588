"""What an override may not do. ``problems_in`` looks at what was written, ``overstepped`` at what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from looma_cli.adapters.render.source import Path, Problem, Replace, Reset, Source

_LABELS = "looma."
_OWNED = ("services", "networks", "volumes")
_REFUSED: dict[Path, str] = {
    ("name",): "the project's name is looma's",
    ("include",): "a layer reads no other files: write it out here",
    ("services", "*", "build"): "a layer builds nothing: name an image",
    ("services", "*", "extends"): "a layer reads no other files: write it out here",
    ("services", "*", "env_file"): "a layer reads no other files: use environment",
    ("services", "*", "label_file"): "a layer reads no other files: use labels",
    ("services", "*", "container_name"): "two generations of a layer run side by side: they cannot share a container's name",
    ("services", "*", "network_mode"): "a layer has its own networks",
    ("networks", "*", "name"): "names of networks are looma's",
    ("networks", "*", "ipam"): "subnets are allocated by looma",
    ("volumes", "*", "name"): "names of volumes are looma's",
    ("secrets", "*", "file"): "a layer reads no other files",
    ("secrets", "*", "environment"): "a layer reads no variables of looma's own environment",
    ("configs", "*", "file"): "a layer reads no other files: use content",
    ("configs", "*", "environment"): "a layer reads no variables of looma's own environment: use content",
}
# Compose's interpolation: a dollar that is not doubled, before a name or a brace.
_VARIABLE = re.compile(r"(?<!\$)(?:\$\$)*\$(?![$])")


def problems_in(written: Source) -> list[Problem]:
    """Everything in the text that is refused whatever the layer."""
    if not isinstance(written.value, dict):
        return [(written.line(()), "an override is a mapping, as compose files are")]
    return [(written.line(path), message) for path, message in _problems(written.value, ())]


def _problems(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, Replace | Reset) and len(path) < 3:
        yield path, "!reset and !override work inside one service, network or volume, not on all of it"
    if isinstance(value, Replace):
        value = value.value
    if path and (why := _refusal(path)) and not isinstance(value, Reset):
        yield path, f"{path[-1]} cannot be overridden: {why}"
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _problems(item, (*path, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _problems(item, (*path, position))
    yield from _particular(value, path)


def _refusal(path: Path) -> str | None:
    return _REFUSED.get(path) or _REFUSED.get((path[0], "*", *path[2:]) if len(path) > 2 else path)


def _particular(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str) and _VARIABLE.search(value):
        yield path, "a $ must be doubled: a layer reads no variables of looma's own environment"
    if "labels" in path[2:4] and (label := _label(value, path)).startswith(_LABELS):
        yield path, f"the label {label} is looma's"
    if path[:1] != ("services",) or len(path) != 4:
        return
    if path[2] == "ports" and not _loopback(value):
        yield path, f"{_shown(value)} would be reached from outside: publish ports on 127.0.0.1 only"
    if path[2] == "environment" and (value is None or (isinstance(path[3], int) and "=" not in str(value))):
        yield path, "a variable needs a value: a layer reads no variables of looma's own environment"
    if path[2] == "volumes" and _relative(value):
        yield path, f"{_shown(value)} is relative to where looma runs: use a volume or an absolute path of the host"


def _label(value: Any, path: Path) -> str:
    """The name of a label: a mapping's key, or what a list's item begins with."""
    last = path[-1]
    return last if isinstance(last, str) else str(value).partition("=")[0]


def _loopback(port: Any) -> bool:
    if isinstance(port, dict):
        host = port.get("host_ip")
    else:
        parts = str(port).rpartition(":")[0].rpartition(":")
        host = parts[0] if parts[1] else None
    try:
        return ip_address(str(host).strip("[]")).is_loopback
    except ValueError:
        return False


def _relative(volume: Any) -> bool:
    origin = volume.get("source") if isinstance(volume, dict) else str(volume).partition(":")[0] if ":" in str(volume) else ""
    return str(origin or "").startswith((".", "~"))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {item}" for key, item in value.items() if key in ("published", "target", "source"))
    return str(value)


def overstepped(base: dict[str, Any], merged: dict[str, Any], written: Source) -> list[Problem]:
    """Where the merged layer lacks, or has changed, what tells looma whose it is."""
    found = [
        (kind, name)
        for kind in _OWNED
        for name, item in base.get(kind, {}).items()
        if _ownership((merged.get(kind) or {}).get(name)) != _ownership(item)
    ]
    taken = [(written.line((*path, "labels")), f"{'.'.join(path)}: name, subnet and looma.* labels cannot be taken away") for path in found]
    bare = [("services", name, "image") for name, service in merged["services"].items() if not service.get("image")]
    return taken + [(written.line(path), f"services.{path[1]} needs an image") for path in bare]


def _ownership(item: Any) -> Any:
    """What must be the same before and after."""
    if not isinstance(item, dict):
        return None
    labels = item.get("labels") or {}
    kept = {k: v for k, v in labels.items() if k.startswith(_LABELS)} if isinstance(labels, dict) else None
    return kept, *(item.get(key) for key in ("name", "ipam", "external", "network_mode"))
