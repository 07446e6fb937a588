"""A person's YAML as values with line numbers, read as compose reads it: YAML 1.2 scalars, and the tags ``!reset`` and ``!override``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]
Problem = tuple[int, str]  # line from 1, message

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*|0o?[0-7]+|0x[0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?")
_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_MOST = 20_000  # values; more means aliases that multiply each other


@dataclass(frozen=True, slots=True)
class Reset:
    """``!reset``: takes what it stands for out of the result."""


@dataclass(frozen=True, slots=True)
class Replace:
    """``!override``: stands in the place of what was there, instead of being merged into it."""

    value: Any


@dataclass(slots=True)
class Source:
    """``value`` may hold Reset and Replace; ``lines`` says where each path of it begins."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of the path, or of the nearest thing around it that the person wrote."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str) -> Source:
    """Never raises: what is wrong is in ``problems``, and ``value`` is then None."""
    import yaml

    source = Source()
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        source.value = None if root is None else _Reading(source).value(root, ())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        source.problems.append((mark.line + 1 if mark else 1, f"not well-formed YAML: {reason}"))
    except (RecursionError, ValueError) as error:
        source.problems.append((1, f"not well-formed YAML: {error}"))
    return source


@dataclass(slots=True)
class _Reading:
    source: Source
    left: int = _MOST

    def value(self, node: Any, path: Path) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ValueError("aliases make it too large")
        self.source.lines.setdefault(path, node.start_mark.line + 1)
        if node.tag == "!reset":
            return Reset()
        value = self.content(node, path)
        return Replace(value) if node.tag == "!override" else value

    def content(self, node: Any, path: Path) -> Any:
        import yaml

        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, position)) for position, item in enumerate(node.value)]
        return _scalar(node)

    def mapping(self, node: Any, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key, value in self.entries(node):
            line = key.start_mark.line + 1
            if not isinstance(key.value, str):
                self.source.problems.append((line, "a key must be a string"))
            elif key.value in mapping:
                self.source.problems.append((line, f"{key.value} is there twice"))
            else:
                self.source.lines.setdefault((*path, key.value), line)
                mapping[key.value] = self.value(value, (*path, key.value))
        return mapping

    def entries(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """The entries of a mapping; those that ``<<`` brings in come last and give way to its own."""
        own = [entry for entry in node.value if entry[0].value != "<<"]
        yield from own
        names = {key.value for key, _ in own if isinstance(key.value, str)}
        for key, merged in node.value:
            for each in self.merged(merged) if key.value == "<<" else ():
                if each[0].value not in names:
                    names.add(each[0].value)
                    yield each

    def merged(self, node: Any) -> Iterator[tuple[Any, Any]]:
        for each in node.value if node.id == "sequence" else [node]:
            if each.id == "mapping":
                yield from each.value
            else:
                self.source.problems.append((node.start_mark.line + 1, "<< takes a mapping or a list of mappings"))


def _scalar(node: Any) -> Any:
    """Quoted is a string; what stands bare is read by the core schema of YAML 1.2, so ``22:22`` and ``yes`` are strings."""
    text: str = node.value
    if node.style:
        return text
    if text in _NULLS:
        return None
    number = _number(text)
    return _BOOLEANS.get(text, text) if number is None else number


def _number(text: str) -> int | float | None:
    if _INTEGER.fullmatch(text):
        octal = re.sub(r"^([-+]?)0o?(?=[0-7])", r"\g<1>0o", text)
        return int(octal, 0)
    return float(text) if _FLOAT.fullmatch(text) else None
