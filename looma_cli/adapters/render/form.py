"""Layers of many tenants alike: rendered once with marks in the place of what is a tenant's own, filled in for each of them.

A filled form is the very text that plain rendering gives, because

- a mark stands where nothing but whole strings go (``published``, ``subnet``, two labels), and what is filled in there is written by the
  same function that the plain text is written by;
- or it is the tenant's name, inside longer strings too. Whether a string needs quotes depends on the kinds of characters in it, and every
  tenant's name has the same kinds as the mark. It also depends on a few reserved words: names that are part of one are rendered plainly;
- everything else that rendering looks at is part of the shape, and a form serves its own shape only.

Nothing of that is believed: a form whose first text is not the plain one is not used. The schema asks no more of what differs than that it
is a string, so it is asked about the marked layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any

from looma_cli.adapters.render import document, holdings, labels
from looma_cli.adapters.render.literal import as_json, doubled
from looma_cli.adapters.render.view import Fingerprint, LayerView
from looma_cli.model.edition import Component
from looma_cli.model.layer import LABEL_TENANT_RECORD, RenderedLayer
from looma_cli.model.render import RenderRequest

NAME = "t" + token_hex(12)  # of the characters that tenants' names are made of, and in nobody's text
_HOLE = "h" + token_hex(12)
_MARKS = re.compile(f"({NAME}|{_HOLE}_[a-z0-9]+_)")
_TENANT_NAME = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")

Shape = tuple[Any, ...]


def shape_of(request: RenderRequest) -> Shape | None:
    """What two requests must share to share a form; None for one that is rendered plainly.

    Whatever rendering looks at is in here or is filled in: the name, the numbers of ports, the subnet, secrets, what the record says.
    """
    tenant = request.tenant
    ordinary = _TENANT_NAME.fullmatch(tenant.name) and not any(tenant.name in word for word in document.RESERVED)
    if request.override or request.components is not None or not ordinary:
        return None
    ports = tuple((p.component, p.layer, p.generation, p.container_port, p.protocol, p.address) for p in tenant.ports)
    facts = (tenant.profile, tenant.release, tenant.images, tenant.data_generation, ports, tuple(tenant.settings.items()))
    place = (id(request.edition), request.layer, request.generation, request.installation, request.registry)
    return (*place, *facts, request.start_interval, request.hard_limits)


@dataclass(frozen=True, slots=True)
class Hashed:
    """What a hash is over: names of secrets, and the configs as JSON of marked text."""

    secrets: tuple[str, ...]
    configs: str


@dataclass(frozen=True, slots=True)
class Form:
    """``pieces`` are text and marks turn by turn. ``edition`` is kept so that its identity stays its own."""

    edition: object
    pieces: tuple[str, ...]
    published: tuple[Component, ...]
    hashes: Mapping[str, Hashed]
    variables: Mapping[str, str]
    images: tuple[str, ...]

    def filled(self, request: RenderRequest) -> RenderedLayer:
        """The layer of a tenant of this shape. Raises as plain rendering does; KeyError for a secret that it does not have."""
        name = request.tenant.name
        values = {NAME: name, **{mark: document.scalar(text) for mark, text in self._values(request).items()}}
        pieces = list(self.pieces)
        pieces[1::2] = [values[mark] for mark in self.pieces[1::2]]
        return RenderedLayer(
            reference=request.reference,
            manifest="".join(pieces),
            secrets={variable: request.secrets[secret] for secret, variable in self.variables.items()},
            images=tuple(image.replace(NAME, name) for image in self.images),
        )

    def _values(self, request: RenderRequest) -> dict[str, str]:
        """Mark -> the string in its place, as it stands in the compose file."""
        values = {_hole("subnet"): holdings.subnet_of(request), _hole("record"): doubled(labels.record(request))}
        ports = (port for component in self.published for port in holdings.ports_of(component, request))
        values |= {_hole(f"port{number}"): str(port.host) for number, port in enumerate(ports)}
        name = request.tenant.name
        keys = {secrets: labels.key_of(request, secrets) for secrets in {hashed.secrets for hashed in self.hashes.values()}}
        hashes = self.hashes.items()
        return values | {mark: labels.hashed(keys[hashed.secrets], hashed.configs.replace(NAME, name)) for mark, hashed in hashes}


def form_of(request: RenderRequest, view_of: Callable[[RenderRequest], LayerView], read: Callable[[LayerView], dict[str, Any]]) -> Form:
    """The form for all requests of this one's shape. ``read`` gives the checked compose document of a view."""
    marked = replace(request, tenant=replace(request.tenant, name=NAME))
    view = view_of(marked)
    manifest = read(view)
    marked_hashes = _mark(manifest, view)
    hashes = {mark: Hashed(tuple(given.secrets), as_json(dict(given.configs))) for mark, given in marked_hashes.items()}
    text = document.write(manifest, NAME, view.project)
    published = tuple(c for c in request.edition.of_profile(request.tenant.profile) if c.layer == request.layer)
    return Form(request.edition, tuple(_MARKS.split(text)), published, hashes, view.secrets, document.images(manifest))


def _mark(manifest: dict[str, Any], view: LayerView) -> dict[str, Fingerprint]:
    """Put marks in the place of a tenant's own strings; returns what each hash is over."""
    found: dict[str, Fingerprint] = {}
    ports = 0
    for name, service in manifest["services"].items():
        if LABEL_TENANT_RECORD in service["labels"]:
            service["labels"][LABEL_TENANT_RECORD] = _hole("record")
        if labels.LABEL_CONFIGURATION in service["labels"]:
            mark = service["labels"][labels.LABEL_CONFIGURATION] = _hole(f"hash{len(found)}")
            found[mark] = view.fingerprints[name]
        for port in service.get("ports", ()):
            port["published"] = _hole(f"port{ports}")
            ports += 1
    manifest["networks"]["default"]["ipam"]["config"][0]["subnet"] = _hole("subnet")
    return found


def _hole(what: str) -> str:
    return f"{_HOLE}_{what}_"
