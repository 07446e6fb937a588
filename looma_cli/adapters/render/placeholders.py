"""The placeholders of component files: ``$(tenant)``, ``$(secret.NAME)`` and the others that ``model.edition.Component`` lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from looma_cli.model.edition import Component
from looma_cli.model.render import RenderRequest

SECRETS = "/run/secrets"
_PLACEHOLDER = re.compile(r"\$\(([a-z_]+(?:\.[A-Za-z0-9_-]+)?)\)")


def values_of(request: RenderRequest) -> dict[str, str]:
    """The placeholders that are the same for every component of a layer."""
    pool = request.edition.pool
    return {
        "tenant": request.tenant.name,
        "edition": request.edition.name,
        "release": request.tenant.release,
        "registry": request.registry,
        "pool.size": str(pool.size),
        "pool.maximum": str(pool.maximum),
        "pool.connection_timeout": str(pool.connection_timeout_seconds),
        "pool.idle_timeout": str(pool.idle_timeout_seconds),
        "pool.retries": str(pool.retries),
    }


def values_for(component: Component, common: Mapping[str, str], memory_bytes: int) -> dict[str, str]:
    """The placeholders of one component. Without a port there is no ``$(port)``, and it stays literal."""
    port = {"port": str(component.ports[0].container_port)} if component.ports else {}
    return {**common, "service": component.name, "memory_mib": str(memory_bytes // 2**20), **port}


def resolve(text: str, values: Mapping[str, str]) -> str:
    """The text with known placeholders replaced, once: what a value brings in is never interpreted again."""
    if "$(" not in text:
        return text
    return _PLACEHOLDER.sub(lambda match: _value(match, values), text)


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    name = match[1]
    if name.startswith("secret."):
        return f"{SECRETS}/{name.removeprefix('secret.')}"
    return values.get(name, match[0])


def secrets_in(texts: Iterable[str]) -> list[str]:
    """Names of the secrets that the texts refer to, in order, once each."""
    names = (match for text in texts if "$(secret." in text for match in _PLACEHOLDER.findall(text))
    return list(dict.fromkeys(name.removeprefix("secret.") for name in names if name.startswith("secret.")))
