"""The keys of component files and manifests, as parsers. ``docs/reference/edition-manifest.md`` says the same to people."""

from __future__ import annotations

import re
from typing import Any

from looma_cli.adapters.catalog.fields import (
    BAD,
    Parser,
    boolean,
    literal,
    mapping,
    matching,
    number,
    one_of,
    record,
    sequence,
    size,
    tag,
    text,
    whole,
)
from looma_cli.adapters.catalog.problems import Report, suggestion
from looma_cli.model.edition import KINDS, LAYERS, PROFILES

DOCUMENTED = "documented"
"""Container port of a component that listens on the number the manifest documents."""
INTERNAL = "internal"
"""Host port of a component that is reached inside its stack only."""

BACKUP_DRIVERS = ("mysql", "postgresql", "redis", "volume", "none")
PROBE_KINDS = ("http", "mysql", "redis", "postgresql", "bolt", "tcp")
NAME = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
EDITION_NAME = r"[a-z][a-z0-9-]{0,61}[a-z0-9]"
NAME_RULE = "a name: a to z, 0 to 9 and -, a letter first, at most 63 long"
RELEASE = r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})(?:-([0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*))?"

_PLACEHOLDER = re.compile(r"\$\(([^\s()$]+)\)")
_PLACEHOLDERS = (
    *("tenant", "edition", "release", "service", "port", "registry", "memory_mib"),
    *("pool.size", "pool.maximum", "pool.connection_timeout", "pool.idle_timeout", "pool.retries"),
)
_IMAGE_PLACEHOLDERS = ("registry", "edition", "service", "release")
_SECRET = re.compile(r"secret\.([a-z][a-z0-9_]{0,62})")
_IMAGE = re.compile(
    r"(?:[a-zA-Z0-9.-]+(?::[0-9]{1,5})?/)?"  # registry
    r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64}|:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}@sha256:[0-9a-f]{64})"
)
_CAPABILITIES = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "KILL", "MKNOD"),
    *("NET_ADMIN", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT", "SYS_NICE"),
    *("SYS_PTRACE", "SYS_RESOURCE", "SYS_TIME"),
)
_ULIMITS = ("core", "fsize", "memlock", "nofile", "nproc", "stack")

name = matching(NAME, NAME_RULE)
release = matching(RELEASE, "a release like 1.4.2 or 1.5.0-rc.1", scalars=literal)
host_port = whole(1, 65535)
_path_in_container = matching(r"(?:/[A-Za-z0-9_.@-]*[A-Za-z0-9_@-])+", "an absolute path without .. and spaces")
_url_path = matching(r"/[A-Za-z0-9_.~%/?=&:-]*", "a path like /health")
_variable = matching(r"[A-Za-z_][A-Za-z0-9_.-]*", "the name of an environment variable", scalars=literal)
_account = matching(r"[A-Za-z_][A-Za-z0-9_]{0,62}", "a name of letters, digits and _")
_secret_name = matching(r"[a-z][a-z0-9_]{0,62}", "a secret's name: a to z, 0 to 9 and _")


def placeholders(value: str) -> list[str]:
    """Names between ``$(`` and ``)``. A shell's own ``$(command)`` without a space looks the same: write ``$( command )``."""
    return _PLACEHOLDER.findall(value)


def secrets_of(value: str) -> list[str]:
    """Names of the secrets whose paths a text asks for."""
    return [match[1] for found in placeholders(value) if (match := _SECRET.fullmatch(found))]


def _check_placeholders(value: str, allowed: tuple[str, ...], node: Any, report: Report) -> bool:
    unknown = [p for p in placeholders(value) if p not in allowed and not (allowed is _PLACEHOLDERS and _SECRET.fullmatch(p))]
    for found in unknown:
        report.add(node, f"unknown placeholder $({found}){suggestion(found, (*allowed, 'secret.NAME'))}")
    return not unknown


def template(node: Any, report: Report) -> Any:
    """A scalar as it was written; its placeholders must be known."""
    value = literal(node, report)
    if value is not BAD and not _check_placeholders(value, _PLACEHOLDERS, node, report):
        return BAD
    return value


def _image(node: Any, report: Report) -> Any:
    value = text(node, report)
    if value is BAD or not _check_placeholders(value, _IMAGE_PLACEHOLDERS, node, report):
        return BAD
    filled = _PLACEHOLDER.sub("x", value)
    if _IMAGE.fullmatch(filled):
        return value
    report.add(node, f"bad image reference {value!r}; expected one like registry.example/shop/cart:1.4.2, with a tag or digest")
    return BAD


def _image_reference(node: Any, report: Report) -> Any:
    """A reference alone stands for the registry's; the type's local image stays."""
    if tag(node) == "map":
        return record({"registry": _image, "local": _image})(node, report)
    value = _image(node, report)
    return value if value is BAD else {"registry": value}


def _container_port(node: Any, report: Report) -> Any:
    """``3306``, ``53/udp`` or ``documented`` as (number or None, protocol)."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})(?:/(tcp|udp))?", node.value) if isinstance(node.value, str) else None
    if match and int(match[1]) <= 65535:
        return int(match[1]), match[2] or "tcp"
    if tag(node) == "str" and node.value == DOCUMENTED:
        return None, "tcp"
    report.add(node, "expected a port like 3306, 53/udp or the word documented")
    return BAD


def _canonical(node: Any, report: Report) -> Any:
    """The documented host port as (number, line), or (None, line) for ``internal``."""
    line = node.start_mark.line + 1
    if tag(node) == "str" and node.value == INTERNAL:
        return None, line
    value = host_port(node, report)
    return value if value is BAD else (value, line)


def _path(node: Any, report: Report) -> Any:
    value = matching(r"(?:/[A-Za-z0-9][A-Za-z0-9._~-]*)+", "a path prefix like /users; / belongs to the entry")(node, report)
    return value if value is BAD else (value, node.start_mark.line + 1)


def _dependencies(node: Any, report: Report) -> Any:
    """Component names with their lines."""
    names = sequence(name)(node, report)
    if names is BAD:
        return BAD
    lines = {child.value: child.start_mark.line + 1 for child in node.value if isinstance(child.value, str)}
    return tuple((each, lines[each]) for each in names)


def _healthcheck(node: Any, report: Report) -> Any:
    """Compose's ``test``; an empty list leaves it to the image."""
    value = sequence(template, unique=False)(node, report)
    if value is BAD or not value or (value[0] in ("CMD", "CMD-SHELL") and len(value) > 1):
        return value
    report.add(node, "a healthcheck is a list that begins with CMD or CMD-SHELL, or an empty list for the image's own")
    return BAD


_arguments = sequence(template, unique=False)
_environment = mapping(_variable, template)
_profile = one_of(*PROFILES)
_limits = record({"memory": size, "cpus": number(0.01, 1024), "pids": whole(1, 4194304)})

OVERRIDES: dict[str, Parser] = {
    "title": text,
    "layer": one_of(*LAYERS),
    "profiles": sequence(_profile, minimum=1),
    "image": _image_reference,
    "probe": record(
        {"kind": one_of(*PROBE_KINDS, "none"), "port": name, "path": _url_path, "expect": sequence(whole(100, 599), minimum=1)}
    ),
    "healthcheck": _healthcheck,
    "resources": mapping(_profile, _limits),
    "environment": _environment,
    "connection": _environment,
    "secrets": sequence(_secret_name),
    "command": _arguments,
    "entrypoint": _arguments,
    "migrate": _arguments,
    "volumes": mapping(name, _path_in_container),
    "temporary": sequence(_path_in_container),
    "configs": mapping(matching(r"(?!.*\.\.)[a-z0-9][a-z0-9._/-]*\.j2", "a template like prometheus/rules.yml.j2"), _path_in_container),
    "capabilities": sequence(one_of(*_CAPABILITIES)),
    "user": matching(r"[a-z0-9_][a-z0-9_-]{0,31}(?::[a-z0-9_][a-z0-9_-]{0,31})?", "a user like mysql or 999:999", scalars=literal),
    "read_only": boolean,
    "depends_on": _dependencies,
    "path": _path,
    "metrics_path": _url_path,
    "stop_grace_seconds": whole(0, 3600),
    "stop_signal": matching(r"SIG[A-Z][A-Z0-9]{1,9}", "a signal like SIGTERM"),
    "ulimits": mapping(one_of(*_ULIMITS), whole(-1, 2**40)),
    "backup": record(
        {"driver": one_of(*BACKUP_DRIVERS), "user": _account, "database": _account, "password_file": template}, required=("driver",)
    ),
    "provided_by": one_of("edge"),
}
"""Keys that a component file sets and that a manifest may set otherwise for one component."""

component_file = record(
    {
        **OVERRIDES,
        "kind": one_of(*KINDS),
        "internal": boolean,
        "ports": mapping(name, _container_port),
    },
    required=("kind", "image", "ports", "probe", "resources"),
)

listed_component = record({**OVERRIDES, "type": name, "port": _canonical, "ports": mapping(name, _canonical)})
"""The long form of one component in a manifest; the short form is its port alone."""


def component_entry(node: Any, report: Report) -> Any:
    """A component in a manifest as (overrides, line)."""
    if tag(node) == "map":
        return listed_component(node, report)
    value = _canonical(node, report)
    return value if value is BAD else {"port": value}


_pool = record(
    {
        "size": whole(1, 100_000),
        "maximum": whole(1, 100_000),
        "connection_timeout_seconds": whole(1, 86_400),
        "idle_timeout_seconds": whole(1, 86_400),
        "retries": whole(0, 100),
    },
    required=("size", "maximum", "connection_timeout_seconds", "idle_timeout_seconds", "retries"),
)

_traits = record(
    {
        "company_size": sequence(one_of("small", "medium", "large"), minimum=1),
        "ai": boolean,
        "governance": boolean,
        "identity": boolean,
        "budget": one_of("low", "medium", "high", "highest"),
    }
)

HEADER: dict[str, Parser] = {
    "name": matching(EDITION_NAME, NAME_RULE.replace("at most", "2 to")),
    "order": whole(0, 1_000_000),
    "kind": one_of("edition", "platform"),
    "title": text,
    "audience": sequence(text, minimum=1),
    "features": sequence(text, minimum=1),
    "price": record(
        {
            "monthly": number(0, 1e9),
            "currency": matching(r"[A-Z]{3}", "a currency of three capitals like CNY"),
            "example": boolean,
        },
        required=("monthly", "currency"),
    ),
    "requirements": record(
        {"cpus": number(0.1, 4096), "memory": size, "disk": size, "example": boolean}, required=("cpus", "memory", "disk")
    ),
    "pool": _pool,
    "traits": _traits,
    "port_range": sequence(host_port, minimum=2, unique=False),
    "outside_port_range": sequence(host_port),
    "entry": name,
}
"""Keys of a manifest whose values need nothing but themselves; releases and the components are read beside them."""

REQUIRED = (
    *("name", "title", "audience", "features", "price", "requirements", "releases", "pool"),
    *("port_range", "entry", "services"),
)
