"""YAML text as nodes. The only place that imports yaml."""

from __future__ import annotations

from typing import Any

from looma_cli.adapters.catalog.problems import Report

# libyaml's own parser nests on the C stack and dies beyond some 20,000 levels. A level costs one of these characters or an indentation
# deeper than the last, so both bounds together keep far below that; a manifest with 60 components has 12 KB and 300 of them.
_LONGEST = 512 * 1024
_MOST_OPENINGS = 8_000
_OPENINGS = "[{-?"


def compose(text: str, report: Report) -> Any:
    """The root node, or None when the text is no single well-formed document (reported).

    Nodes are not constructed into objects, so no tag of the text can do anything.
    """
    if len(text) > _LONGEST or sum(text.count(character) for character in _OPENINGS) > _MOST_OPENINGS:
        report.add(1, "the file is too large for a manifest")
        return None
    import yaml

    try:
        root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        report.add(_line(error), f"not well-formed YAML: {_reason(error)}")
        return None
    except (RecursionError, ValueError) as error:
        report.add(1, f"not well-formed YAML: {error}")
        return None
    if root is None:
        report.add(1, "the file is empty")
    elif _has_aliases(root, report):
        return None
    return root


def _line(error: Any) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return mark.line + 1 if mark else 1


def _reason(error: Any) -> str:
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    return f"{reason} ({context})" if context else str(reason)


def _has_aliases(root: Any, report: Report) -> bool:
    """An alias is the same node in two places: it could hide a loop or a text of exponential size, so manifests have none."""
    seen: set[int] = set()
    waiting, found = [root], False
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            report.add(node, "anchors and aliases (& and *) are not supported in manifests")
            found = True
            continue
        seen.add(id(node))
        if isinstance(node.value, list):
            waiting.extend(child for item in node.value for child in (item if isinstance(item, tuple) else (item,)))
    return found
