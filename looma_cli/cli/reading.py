"""Files that a person names on the command line: certificates, and lists of tenants to create."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from looma_cli.errors import InvalidValue, LoomaError
from looma_cli.model import host_options, validation
from looma_cli.model.requests import CreateRequest

LARGEST_PEM_BYTES = 1 << 20
LARGEST_BATCH_BYTES = 64 << 20
LONGEST_PATH = 300  # characters of a path in a message
POLICIES = ("auto", "canonical", "block")
PROFILES = ("full", "lite")
_FIELDS = {
    "name": ("name", validation.tenant_name),
    "edition": ("edition", validation.edition_name),
    "release": ("release", validation.release),
    "host": ("host", validation.host_name),
    "profile": ("profile", lambda text: validation.choice("profile", text, PROFILES)),
    "hostname": ("hostname", validation.hostname),
    "display_name": ("display_name", validation.display_name),
    "ports": ("ports", lambda text: validation.choice("ports", text, POLICIES)),
}
_FILES = {"tls_cert": "tls_certificate", "tls_key": "tls_key"}


def pem(path: str | None, what: str) -> str | None:
    """Text of a PEM file; ``what`` is the label that it must have (``CERTIFICATE``, ``PRIVATE KEY``). Raises InvalidValue."""
    if path is None:
        return None
    text = _text(validation.file_name(path), LARGEST_PEM_BYTES)
    if f"{what}-----" not in text or "-----BEGIN " not in text:
        raise InvalidValue(
            f"{validation.shown(path, LONGEST_PATH)} holds no PEM {what.lower()}", f"a PEM file has a line with BEGIN … {what}"
        )
    return text


def batch(path: str, defaults: Mapping[str, Any]) -> Iterator[tuple[int, CreateRequest | LoomaError]]:
    """(line, request or what is wrong with it) of a YAML list or JSON lines; ``-`` is standard input.

    The fields are named like the flags of ``tenant create``; ``defaults`` are those given on the command line. Raises InvalidValue for
    a file that cannot be read at all.
    """
    text = _text(path, LARGEST_BATCH_BYTES)
    rows = _json_lines(text) if text.lstrip().startswith("{") else _yaml_list(text, path)
    folder = Path() if path == "-" else Path(path).parent
    for line, row in rows:
        try:
            yield line, row if isinstance(row, LoomaError) else _request(row, defaults, folder)
        except LoomaError as error:
            yield line, error


def _text(path: str, limit: int) -> str:
    try:
        with sys.stdin.buffer if path == "-" else open(path, "rb") as file:
            data = file.read(limit + 1)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidValue(f"{validation.shown(path, LONGEST_PATH)} is not text in UTF-8", "save it as UTF-8") from error
    except OSError as error:
        raise InvalidValue(
            f"cannot read {validation.shown(path, LONGEST_PATH)}: {os.strerror(error.errno or 0)}", "give the path of a readable file"
        ) from error
    if len(data) > limit:
        raise InvalidValue(f"{validation.shown(path, LONGEST_PATH)} is larger than {limit >> 20} MiB", "is it the right file?")
    return text


def _json_lines(text: str) -> Iterator[tuple[int, Mapping[str, Any] | LoomaError]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            yield number, InvalidValue(f"not JSON: {error}", "write one object per line")
            continue
        yield number, row if isinstance(row, dict) else InvalidValue("not a JSON object", 'write {"name": "acme", "edition": "basic"}')


def _yaml_list(text: str, path: str) -> Iterator[tuple[int, Mapping[str, Any] | LoomaError]]:
    """Values as they are written, like flags: ``release: 1.10`` is not a number, ``no`` is not false."""
    import yaml

    try:
        node = yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise InvalidValue(
            f"{validation.shown(path, LONGEST_PATH)} is not YAML{where}: {getattr(error, 'problem', error)}", "write a list of mappings"
        ) from error
    if node is None:
        return
    if not isinstance(node, yaml.SequenceNode):
        raise InvalidValue(f"{validation.shown(path, LONGEST_PATH)} is no list", "write '- {name: acme, edition: basic}' for each tenant")
    for item in node.value:
        line = item.start_mark.line + 1
        if isinstance(item, yaml.MappingNode):
            yield line, _mapping(item)
        else:
            yield line, InvalidValue("not a mapping", "write '- {name: acme, edition: basic}'")


def _mapping(node: Any) -> dict[str, Any]:
    return {str(key.value): _value(value) for key, value in node.value}


def _value(node: Any) -> Any:
    if node.id == "mapping":
        return _mapping(node)
    if node.id == "sequence":
        return [_value(item) for item in node.value]
    return None if node.style is None and node.value in ("", "~", "null") else node.value


def _request(row: Mapping[str, Any], defaults: Mapping[str, Any], folder: Path) -> CreateRequest:
    values = dict(defaults)
    for key, value in row.items():
        name = key.replace("-", "_")
        if value is None:
            continue
        if name == "set":
            values["settings"] = {**values.get("settings", {}), **_settings(value)}
        elif name == "on":
            values["on"] = _labels(value)
        elif name in _FILES:
            label = "CERTIFICATE" if name == "tls_cert" else "PRIVATE KEY"
            values[_FILES[name]] = pem(str(folder / _string(key, value)), label)
        elif name in _FIELDS:
            field, check = _FIELDS[name]
            values[field] = check(_string(key, value))
        else:
            known = ", ".join([*_FIELDS, "on", "set", *_FILES])
            raise InvalidValue(f"there is no field {validation.shown(key)}", f"the fields are {known}")
    for needed in ("name", "edition"):
        if needed not in values:
            raise InvalidValue(f"there is no {needed}", "every line needs a name and an edition")
    return CreateRequest(**values | _where(row))


def _where(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line's own word on its host counts more than the command line's: what that says otherwise is taken back."""
    host, on = (row.get(name) is not None for name in ("host", "on"))
    if host and on:
        raise InvalidValue("'host' and 'on' exclude one another", "name the host, or the labels that it must have")
    return {"on": {}, "place": None} if host else {"host": None} if on else {}


def _labels(value: Any) -> dict[str, str]:
    """A mapping, or text as on the command line."""
    if isinstance(value, dict):
        return host_options.merged([host_options.labels(f"{key}={_string(key, text)}") for key, text in value.items()])
    return host_options.labels(_string("on", value))


def _settings(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InvalidValue("'set' is no mapping", "write set: {LOG_LEVEL: debug}")
    return {validation.setting_key(key): validation.setting_value(_string(key, text)) for key, text in value.items()}


def _string(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"the value of {validation.shown(key)} is not text", "write it in quotes")
    return value
