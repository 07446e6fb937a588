"""Writes ``docs/reference/commands.md`` from the commands themselves: ``python -m looma_cli.cli.reference > docs/reference/commands.md``.

A test compares the file with what this says, so that the reference cannot fall behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import fill
from typing import Any

from looma_cli.cli.root import ENTRIES, commands, root

_HEAD = """\
# Commands

<!-- Written by `python -m looma_cli.cli.reference`; edit the commands' docstrings and options instead. -->

`--debug` and `--no-color` may stand anywhere on the line. Data goes to standard output, everything else to standard error. Exit codes:
[exit-codes.md](exit-codes.md). JSON: [json.md](json.md).
"""


def markdown() -> str:
    """The whole reference."""
    context = root().make_context("looma", ["doctor"], resilient_parsing=True)
    parts = [_HEAD, _overview(), _section("looma", context.command, context, depth=2)]
    for name, command in commands():
        inner = command.make_context(f"looma {name}", [], resilient_parsing=True)
        parts.append(_section(f"looma {name}", command, inner, depth=2))
        for verb, each in getattr(command, "commands", {}).items():
            path = f"looma {name} {verb}"
            parts.append(_section(path, each, each.make_context(path, [], resilient_parsing=True), depth=3))
    return "\n".join(parts)


def _overview() -> str:
    rows = [f"| [`looma {entry.name}`](#looma-{entry.name}) | {entry.help} |" for entry in ENTRIES]
    return "\n".join(["| command | what it does |", "| --- | --- |", *rows, ""])


def _section(path: str, command: Any, context: Any, depth: int) -> str:
    lines = [f"{'#' * depth} {path}", "", _folded(command.help or ""), ""]
    verbs = getattr(command, "commands", {})
    if not verbs:
        lines += ["```text", _usage(path, command, context), "```", ""]
    parameters = [row for row in (_row(parameter) for parameter in command.get_params(context)) if row]
    if parameters and (not verbs or path == "looma"):
        lines += ["| argument or option | what it means |", "| --- | --- |", *parameters, ""]
    if command.epilog:
        lines += ["```console", *_example(command.epilog), "```", ""]
    return "\n".join(lines)


def _folded(text: str) -> str:
    return "\n\n".join(fill(paragraph, 140, break_on_hyphens=False, break_long_words=False) for paragraph in text.strip().split("\n\n"))


def _usage(path: str, command: Any, context: Any) -> str:
    return " ".join([path, *(re.sub(r"[{}]", "", piece) for piece in command.collect_usage_pieces(context))])


def _row(parameter: Any) -> str | None:
    if parameter.param_type_name == "argument":
        names = f"`{parameter.metavar or parameter.name}`"
    elif {"--help", "--install-completion", "--show-completion"} & set(parameter.opts):
        return None
    else:
        value = f" {parameter.metavar}" if parameter.metavar and not parameter.is_flag else ""
        names = (
            ", ".join(f"`{name}`" for name in parameter.opts[:-1])
            + (", " if len(parameter.opts) > 1 else "")
            + f"`{parameter.opts[-1]}{value}`"
        )
    needed = " Required." if parameter.required else ""
    default = f" Default: {parameter.default}." if isinstance(parameter.default, str) else ""
    return _cells(names, f"{(parameter.help or '').strip()}{needed}{default}")


def _cells(*texts: str) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def _example(epilog: str) -> Iterator[str]:
    for line in epilog.splitlines():
        if line.startswith("  $ "):
            yield line.strip().replace("\\[", "[")


if __name__ == "__main__":
    print(markdown(), end="")
