"""Parsers of YAML nodes: each checks one shape of value, reports what is wrong with its line, and returns the value or BAD.

They work on nodes and not on loaded values, so that lines are known, no tag is ever constructed, and text stays as it was written
(``yes``, ``010`` and ``1.10`` are not turned into something else).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from looma_cli.adapters.catalog.problems import Report, suggestion

BAD: Any = type("Bad", (), {"__repr__": lambda self: "BAD"})()
"""Returned for a value that was reported; never part of a result."""

Parser = Callable[[Any, Report], Any]

_TAG = "tag:yaml.org,2002:"
_SIZES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?(KiB|MiB|GiB|TiB)")
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")


def tag(node: Any) -> str:
    """Short name of a node's type: str, int, float, bool, null, map, seq, or the tag itself if it is none of YAML's own."""
    return node.tag.removeprefix(_TAG)


def described(node: Any) -> str:
    names = {"map": "a mapping", "seq": "a list", "null": "nothing", "bool": "true or false", "int": "a number", "float": "a number"}
    short = tag(node)
    if short in names and short in ("map", "seq", "null"):
        return names[short]
    return repr(node.value) if isinstance(node.value, str) else short


def _wrong(node: Any, report: Report, expected: str) -> Any:
    report.add(node, f"expected {expected}, found {described(node)}")
    return BAD


def text(node: Any, report: Report) -> Any:
    """A non-empty string; numbers and booleans must be quoted."""
    if tag(node) == "str" and node.value.strip():
        return node.value
    if tag(node) in ("int", "float", "bool", "timestamp"):
        return _wrong(node, report, "a text (put it in quotes)")
    return _wrong(node, report, "a text")


def literal(node: Any, report: Report) -> Any:
    """Any scalar but null, as it was written."""
    if tag(node) in ("str", "int", "float", "bool", "timestamp"):
        return node.value
    return _wrong(node, report, "a text")


def boolean(node: Any, report: Report) -> Any:
    if tag(node) == "bool" and node.value in ("true", "false"):
        return node.value == "true"
    return _wrong(node, report, "true or false")


def whole(low: int, high: int) -> Parser:
    """A whole number within inclusive bounds."""

    def parse(node: Any, report: Report) -> Any:
        if tag(node) == "int" and _WHOLE.fullmatch(node.value) and low <= int(node.value) <= high:
            return int(node.value)
        return _wrong(node, report, f"a whole number from {low} to {high}")

    return parse


def number(low: float, high: float) -> Parser:
    """A decimal number within inclusive bounds; whole ones come back as int."""

    def parse(node: Any, report: Report) -> Any:
        if tag(node) in ("int", "float") and _NUMBER.fullmatch(node.value) and low <= float(node.value) <= high:
            return float(node.value) if "." in node.value else int(node.value)
        return _wrong(node, report, f"a number from {low:g} to {high:g}")

    return parse


def size(node: Any, report: Report) -> Any:
    """``512MiB`` or ``1.5 GiB`` as bytes."""
    match = _SIZE.fullmatch(node.value) if tag(node) == "str" else None
    if match and float(match[1]) > 0:
        return int(float(match[1]) * _SIZES[match[2]])
    return _wrong(node, report, "a size like 512MiB or 2GiB")


def one_of(*words: str) -> Parser:
    def parse(node: Any, report: Report) -> Any:
        if tag(node) == "str" and node.value in words:
            return node.value
        expected = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
        near = suggestion(node.value, words) if tag(node) == "str" else ""
        report.add(node, f"expected {expected}, found {described(node)}{near}")
        return BAD

    return parse


def matching(pattern: str, expected: str, *, scalars: Parser = text) -> Parser:
    """A text that the pattern matches wholly; ``expected`` describes it to a person."""
    compiled = re.compile(pattern)

    def parse(node: Any, report: Report) -> Any:
        value = scalars(node, report)
        if value is BAD or compiled.fullmatch(value):
            return value
        return _wrong(node, report, expected)

    return parse


def sequence(item: Parser, *, minimum: int = 0, unique: bool = True) -> Parser:
    """A list as a tuple; repeated items are reported and left out, one bad item makes the list bad."""

    def parse(node: Any, report: Report) -> Any:
        if tag(node) != "seq":
            return _wrong(node, report, "a list")
        if len(node.value) < minimum:
            report.add(node, f"expected a list of {minimum} or more, found {len(node.value)}")
        values = [item(child, report) for child in node.value]
        if BAD in values:
            return BAD
        if unique:
            for value, child in _repeated(values, node.value):
                report.add(child, f"{value!r} is listed twice")
            values = list(dict.fromkeys(values))
        return tuple(values)

    return parse


def _repeated(values: list[Any], nodes: list[Any]) -> list[tuple[Any, Any]]:
    seen: set[Any] = set()
    return [(value, node) for value, node in zip(values, nodes, strict=True) if value in seen or seen.add(value)]


def entries(node: Any, report: Report) -> list[tuple[str, Any, Any]]:
    """(key, key node, value node) of a mapping, without keys that are no text or that repeat an earlier one (both reported)."""
    if tag(node) != "map":
        _wrong(node, report, "a mapping")
        return []
    found: dict[str, tuple[str, Any, Any]] = {}
    for key, value in node.value:
        name = literal(key, report)
        if name is BAD:
            continue
        if name in found:
            report.add(key, f"duplicate key {name!r}; the first is on line {found[name][1].start_mark.line + 1}")
        else:
            found[name] = (name, key, value)
    return list(found.values())


def mapping(key: Parser, value: Parser) -> Parser:
    """A mapping whose keys are data, for instance environment variables."""

    def parse(node: Any, report: Report) -> Any:
        if tag(node) != "map":
            return _wrong(node, report, "a mapping")
        result = {}
        for _, key_node, value_node in entries(node, report):
            name, item = key(key_node, report), value(value_node, report)
            if name is not BAD and item is not BAD:
                result[name] = item
        return result

    return parse


def record(keys: Mapping[str, Parser], *, required: tuple[str, ...] = ()) -> Parser:
    """A mapping whose keys are fixed; unknown and missing ones are reported, bad values left out."""

    def parse(node: Any, report: Report) -> Any:
        if tag(node) != "map":
            return _wrong(node, report, "a mapping")
        result = {}
        found = entries(node, report)
        for name, key_node, value_node in found:
            if name not in keys:
                report.add(key_node, f"unknown key {name!r}{suggestion(name, keys)}")
            elif (value := keys[name](value_node, report)) is not BAD:
                result[name] = value
        present = {name for name, _, _ in found}
        for name in required:
            if name not in present:
                report.add(node, f"missing key {name!r}")
        return result

    return parse
