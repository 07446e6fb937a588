"""Merging an override into a compose file as ``docker compose -f base -f override`` does.

The rules are those of compose-go's ``override/merge.go`` and ``uncity.go`` (v2.16.2), for a base in the form that looma renders:

- mappings merge key by key, scalars are replaced, an empty value (``key:``) changes nothing;
- ``command``, ``entrypoint`` and ``healthcheck.test`` are replaced as a whole;
- ``KEY=VALUE`` lists (environment, labels, sysctls, annotations) merge by key, ``depends_on`` and ``networks`` by name;
- every other list is appended to, an entry for the same thing (mount target, port, tmpfs path, ...) taking the earlier one's place;
- ``logging`` is replaced when the driver changes;
- ``!reset`` takes a thing out, ``!override`` replaces it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from looma_cli.adapters.render.source import Path, Replace, Reset

_REPLACED = {("command",), ("entrypoint",), ("healthcheck", "test")}
_KEYED = {("environment",), ("labels",), ("sysctls",), ("annotations",), ("deploy", "labels")}
_ONE_OR_MORE = {("tmpfs",), ("dns",), ("dns_search",)}
_NAMED: dict[Path, Any] = {("depends_on",): {"condition": "service_started", "required": True}, ("networks",): None}


class Mismatch(Exception):
    """The override has another kind of value than what it overrides; ``path`` says where."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


def merge(base: Any, override: Any, path: Path = ()) -> Any:
    """The merged value; ``base`` is left alone. Raises Mismatch."""
    if isinstance(override, Replace):
        return plain(override.value)
    if override is None:
        return base
    inside = path[2:] if path[:1] == ("services",) else ("labels",) if path[2:] == ("labels",) else None
    if inside in _REPLACED:
        return plain(override)
    if inside in _KEYED:
        base, override = _keyed(base, path), _keyed(override, path)
    elif inside in _NAMED:
        return _same_form(base, _merged(_named(base, inside), _named(override, inside), path))
    if isinstance(base, dict):
        return _merged(base, _expect(override, dict, path), path)
    if isinstance(base, list):
        one = isinstance(override, str) and path[2:] in _ONE_OR_MORE
        return _appended(base, [override] if one else _expect(override, list, path), path)
    return plain(override)


def plain(value: Any) -> Any:
    """A value that meets nothing to merge with: without the marks of ``!reset`` and ``!override``."""
    if isinstance(value, Replace):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if not isinstance(item, Reset)}
    if isinstance(value, list):
        return [plain(item) for item in value if not isinstance(item, Reset)]
    return None if isinstance(value, Reset) else value


def _merged(base: dict[str, Any], override: dict[str, Any], path: Path) -> dict[str, Any]:
    if path[2:] == ("logging",) and "driver" in override and override["driver"] != base.get("driver"):
        return plain(override)
    merged = dict(base)
    for key, value in override.items():
        if isinstance(value, Reset):
            merged.pop(key, None)
        else:
            merged[key] = merge(merged[key], value, (*path, key)) if key in merged else plain(value)
    return merged


def _expect(value: Any, kind: type, path: Path) -> Any:
    if not isinstance(value, kind):
        raise Mismatch(path, f"{'.'.join(map(str, path))} must be a {'mapping' if kind is dict else 'list'} here")
    return value


def _keyed(value: Any, path: Path) -> dict[str, Any]:
    """``[A=1, B]`` as ``{A: "1", B: null}``."""
    if isinstance(value, dict):
        return value
    pairs = (str(plain(item)).partition("=") for item in _expect(value, list, path))
    return {name: text if separator else None for name, separator, text in pairs}


def _named(value: Any, inside: Path | None) -> dict[str, Any]:
    """``[a, b]`` as a mapping with compose's defaults."""
    if isinstance(value, dict):
        return value
    default = _NAMED[inside or ()]
    return {str(name): dict(default) if default else None for name in value}


def _same_form(base: Any, merged: dict[str, Any]) -> Any:
    """A plain list of names stays one where nothing more is said."""
    return list(merged) if isinstance(base, list) and not any(merged.values()) else merged


def _appended(base: list[Any], override: list[Any], path: Path) -> list[Any]:
    inside = path[2:] if path[:1] == ("services",) else ()
    identity = _IDENTITIES.get(inside, _itself)
    entries = {identity(entry): entry for entry in base}
    entries |= {identity(entry): entry for entry in plain(override)}
    return list(entries.values())


def _itself(entry: Any) -> Hashable:
    return repr(entry)


def _key(entry: Any) -> Hashable:
    return str(entry).partition("=")[0]


def _target(entry: Any) -> Hashable:
    """Where a volume is mounted: ``source:target:mode`` or the long form's ``target``."""
    if isinstance(entry, dict):
        return entry.get("target")
    parts = str(entry).split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def _file(folder: str) -> Callable[[Any], Hashable]:
    def identity(entry: Any) -> Hashable:
        if isinstance(entry, dict):
            return entry.get("target") or f"{folder}/{entry.get('source')}"
        return f"{folder}/{entry}"

    return identity


def _port(entry: Any) -> Hashable:
    if isinstance(entry, dict):
        return tuple(str(entry.get(key, "")) for key in ("host_ip", "published", "target", "protocol"))
    return str(entry)


_IDENTITIES: dict[Path, Callable[[Any], Hashable]] = {
    ("volumes",): _target,
    ("devices",): _target,
    ("secrets",): _file("/run/secrets"),
    ("configs",): _file(""),
    ("ports",): _port,
    ("tmpfs",): lambda entry: str(entry).partition(":")[0],
    **{(name,): _key for name in ("cap_add", "cap_drop", "dns", "dns_opt", "dns_search", "links", "profiles", "expose")},
}
