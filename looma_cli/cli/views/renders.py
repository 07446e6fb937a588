"""Rendered files as text: as they are, or as a coloured difference."""

from __future__ import annotations

from collections.abc import Mapping

from looma_cli.cli.terminal import Screen


def files(rendered: Mapping[str, str], screen: Screen) -> list[str]:
    """One YAML stream: each file after a ``---`` and a comment with its name."""
    lines: list[str] = []
    for name, text in rendered.items():
        lines += [f"--- # {name}", *text.rstrip("\n").split("\n")]
    return lines


def diff(rendered: Mapping[str, str], screen: Screen) -> list[str]:
    styles = {"+": "green", "-": "red", "@": "cyan"}
    lines = [line for text in rendered.values() for line in text.rstrip("\n").split("\n")]
    return [screen.paint(line, styles.get(line[:1], "")) for line in lines]
