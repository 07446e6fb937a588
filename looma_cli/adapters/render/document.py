"""Compose documents as text: templates give JSON, people get YAML in block style.

Own code instead of PyYAML's dumper, for two reasons. PyYAML leaves a string without quotes where YAML 1.1 reads a string, but compose reads
YAML 1.2: an installation ``12345678e012`` would arrive as a number. And it costs 8 ms a stack, this 1 ms.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from looma_cli.adapters.render.literal import as_json
from looma_cli.errors import RenderFailed

_HEADER = (
    "# rendered by looma for tenant {tenant} ({project})\n"
    "# edit override.yaml instead: this file is rewritten\n"
)  # fmt: skip
# What may stand without quotes: begins like a word, a path or an option, and has nothing that YAML could read as its own.
_PLAIN = re.compile(r"-{0,2}[A-Za-z_/][\w./@%+=-]*(?::[\w./@%+=-]+)*", re.ASCII)
RESERVED = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
_PRINTABLE = re.compile("[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]*")


def read(text: str) -> dict[str, Any]:
    """What a layer template has written. Raises RenderFailed when it is not one JSON object."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise RenderFailed(f"the layer template does not give JSON: {error}", "mend templates/layers") from error
    if not isinstance(document, dict):
        raise RenderFailed("the layer template does not give a JSON object", "mend templates/layers")
    return document


def write(document: dict[str, Any], tenant: str, project: str) -> str:
    """The document as the file that people see. The same document gives the same text."""
    lines: list[str] = []
    _mapping(document, "", "", lines)
    return _HEADER.format(tenant=tenant, project=project) + "\n".join(lines) + "\n"


def _mapping(mapping: dict[str, Any], start: str, indent: str, lines: list[str]) -> None:
    """``start`` is what the first line begins with: the indent, or the dash of an item."""
    for key, value in mapping.items():
        _value(value, f"{start}{scalar(key)}:", indent, lines)
        start = indent


def _sequence(items: list[Any], start: str, indent: str, lines: list[str]) -> None:
    deeper = indent + "  "
    for item in items:
        if item and isinstance(item, dict):
            _mapping(item, f"{start}- ", deeper, lines)
        elif item and isinstance(item, list):
            _sequence(item, f"{start}- ", deeper, lines)
        else:
            _value(item, f"{start}-", indent, lines)
        start = indent


def _value(value: Any, start: str, indent: str, lines: list[str]) -> None:
    """``start`` is the text up to the value: a key with its colon, or the dash of an item."""
    if isinstance(value, str):
        if "\n" in value and _literal(value):
            lines.append(f"{start} |")
            lines.extend(f"{indent}  {line}" if line else "" for line in value[:-1].split("\n"))
        else:
            lines.append(f"{start} {scalar(value)}")
    elif value and isinstance(value, dict):
        lines.append(start)
        _mapping(value, indent + "  ", indent + "  ", lines)
    elif value and isinstance(value, list):
        lines.append(start)
        _sequence(value, indent + "  ", indent + "  ", lines)
    else:
        lines.append(f"{start} {as_json(value)}")


@lru_cache(maxsize=4096)
def scalar(text: str) -> str:
    """A string without line breaks: bare if nothing can mistake it, in single quotes if that spares escapes, else as JSON."""
    if _PLAIN.fullmatch(text) and text.lower() not in RESERVED:
        return text
    if ('"' in text or "\\" in text) and _PRINTABLE.fullmatch(text):
        return "'" + text.replace("'", "''") + "'"
    return as_json(text)


def _literal(text: str) -> bool:
    """Whether a literal block gives exactly this text back: one newline at the end, no leading space that reads as indentation."""
    body = text[:-1]
    return (
        text.endswith("\n")
        and not body.endswith("\n")
        and not text.startswith((" ", "\n", "\t"))
        and _PRINTABLE.fullmatch(body.replace("\n", "")) is not None
    )


def images(manifest: dict[str, Any]) -> tuple[str, ...]:
    """The images that a compose document names, once each."""
    return tuple(dict.fromkeys(service["image"] for service in manifest["services"].values()))
