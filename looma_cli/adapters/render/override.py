"""A tenant's ``override.yaml``: one compose file for both layers, merged last, within limits.

It may change anything inside a container. It may not change who owns what (project name, ``looma.*`` labels, names), where the tenant is
reached (subnets, ports on public addresses), or read what is only on the machine where looma runs (files, variables).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from looma_cli.adapters.render import schema, source
from looma_cli.adapters.render.limits import overstepped, problems_in
from looma_cli.adapters.render.literal import as_json
from looma_cli.adapters.render.merge import Mismatch, merge, plain
from looma_cli.adapters.render.source import Problem, Source
from looma_cli.errors import InvalidManifest
from looma_cli.model.layer import LABEL_COMPONENT, LABEL_KIND, LABEL_OVERRIDDEN
from looma_cli.model.render import RenderRequest

KIND = "override"
RESOURCES = ("networks", "volumes", "secrets", "configs")


def apply(base: dict[str, Any], request: RenderRequest, identity: Mapping[str, str]) -> dict[str, Any]:
    """The layer with the override merged in, everything it adds labelled with ``identity``.

    Raises InvalidManifest with all problems that were found, each with its line.
    """
    written = source.read(request.override or "")
    if written.value is None and not written.problems:
        return base
    _refuse(written.problems or problems_in(written) or _by_schema(written))
    mine = _of_layer(written.value, base, request, written)
    try:
        merged = merge(base, mine)
    except Mismatch as mismatch:
        raise _invalid([(written.line(mismatch.path), str(mismatch))]) from mismatch
    _refuse(overstepped(base, merged, written))
    _drop_unused(base, merged)
    _adopt(base, merged, identity)
    problem = schema.problem(merged)
    _refuse([(1, f"the merged file is not valid: {problem}")] if problem else [])
    return merged


def _by_schema(written: Source) -> list[Problem]:
    """The override by itself must be a compose file, so that the schema's complaint has a line."""
    problem = schema.problem(plain(written.value))
    if problem is None:
        return []
    place, _, rest = problem.removeprefix("data").partition(" ")
    unknown = re.match(r"must not contain \['([^']+)'", rest)
    place = f"{place}.{unknown[1]}" if unknown else place
    spelled = {"".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path): line for path, line in written.lines.items()}
    while place and place not in spelled:
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    return [(spelled.get(place, 1), problem.removeprefix("data.").removeprefix("data "))]


def _of_layer(value: dict[str, Any], base: dict[str, Any], request: RenderRequest, written: Source) -> dict[str, Any]:
    """What of the override concerns this layer. Services that no manifest has are added to the app layer."""
    known = {component.name for component in request.edition.components}
    services = value.get("services") or {}
    for name, service in services.items():
        if name not in known and name not in base["services"] and not (isinstance(service, dict) and service.get("image")):
            line = written.line(("services", name))
            raise _invalid([(line, f"edition {request.edition.name} has no component {name!r}, and a new service needs an image")])
    mine = {n: s for n, s in services.items() if n in base["services"] or (n not in known and request.layer == "app")}
    rest = {key: item for key, item in value.items() if key not in ("services", "version")}
    return {**rest, "services": mine}


def _drop_unused(base: dict[str, Any], merged: dict[str, Any]) -> None:
    """Volumes, networks, secrets and configs that the override declares for services of the other layer."""
    used = {kind: _used(merged["services"].values(), kind) for kind in RESOURCES}
    for kind in RESOURCES:
        declared = merged.get(kind, {})
        merged[kind] = {name: item for name, item in declared.items() if name in base.get(kind, {}) or name in used[kind]}


def _used(services: Any, kind: str) -> set[str]:
    return {_source(entry) for service in services for entry in service.get(kind) or ()}


def _source(entry: Any) -> str:
    return str(entry.get("source")) if isinstance(entry, dict) else str(entry).partition(":")[0]


def _adopt(base: dict[str, Any], merged: dict[str, Any], identity: Mapping[str, str]) -> None:
    """Give what the override added looma's labels and names, so that it is found, and removed, with the layer."""
    for name, service in merged["services"].items():
        if name not in base["services"]:
            own = {LABEL_COMPONENT: name, LABEL_KIND: KIND}
            service["labels"] = {**_mapping(service.get("labels")), **identity, **own}
        if given := _changed_configs(service, base, merged):
            service["labels"] = {**service["labels"], LABEL_OVERRIDDEN: sha256(as_json(given).encode()).hexdigest()[:32]}
    for kind in ("networks", "volumes"):
        for name in merged[kind]:
            item = dict(merged[kind][name] or {})
            if name not in base.get(kind, {}) and not item.get("external"):
                named = {"name": f"{base['name']}_{name}", "labels": {**_mapping(item.get("labels")), **identity}}
                merged[kind][name] = {**item, **named}


def _changed_configs(service: dict[str, Any], base: dict[str, Any], merged: dict[str, Any]) -> dict[str, Any]:
    """The configs of a service that the override writes: compose recreates a container only when a label shows that they changed."""
    names = [_source(entry) for entry in service.get("configs") or ()]
    return {name: merged["configs"].get(name) for name in names if merged["configs"].get(name) != base["configs"].get(name)}


def _mapping(labels: Any) -> dict[str, Any]:
    return labels if isinstance(labels, dict) else dict(str(label).partition("=")[::2] for label in labels or ())


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise _invalid(problems)


def _invalid(problems: list[Problem]) -> InvalidManifest:
    ordered = sorted(set(problems))
    line, message = ordered[0]
    others = f" (and {len(ordered) - 1} more)" if len(ordered) > 1 else ""
    return InvalidManifest(
        f"override.yaml is wrong on line {line}: {message}{others}",
        "mend override.yaml; docs/reference/rendered-files.md says what it may change",
        problems=[{"line": line, "message": message} for line, message in ordered],
    )
