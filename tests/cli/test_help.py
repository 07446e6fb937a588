"""Help: every command has it, with examples that work; and what asking for it loads."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from looma_cli.cli import reference
from looma_cli.cli.root import ENTRIES, commands, root
from tests.cli.conftest import Cli

HEAVY = ("sqlmodel", "sqlalchemy", "docker", "httpx", "cryptography", "pydantic", "yaml", "jinja2", "alembic", "looma_cli.wiring")


def leaves() -> Iterator[tuple[str, Any]]:
    """(path, command) of everything that can be run."""
    for name, command in commands():
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
        for verb, each in (inner or {}).items():
            yield f"{name} {verb}", each


def loaded_by(*arguments: str, **environment: str) -> set[str]:
    """Names of all modules that a run of looma imports."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "looma_cli", *arguments],
        capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", **environment},
    )  # fmt: skip
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    assert len(lines) > 50
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--help"], {}),
        (["--version"], {}),
        (["tenant", "--help"], {}),
        (["tenant", "create", "--help"], {}),
        ([], {"_LOOMA_COMPLETE": "complete_bash", "COMP_WORDS": "looma tenant show a", "COMP_CWORD": "3"}),
        ([], {"_LOOMA_COMPLETE": "complete_bash", "COMP_WORDS": "looma tenant create a --edition ", "COMP_CWORD": "5"}),
    ],
)
def test_help_and_completion_load_nothing_heavy(arguments: list[str], environment: dict[str, str]) -> None:
    modules = loaded_by(*arguments, **environment)
    assert [heavy for heavy in HEAVY if heavy in modules] == []


def test_root_help_loads_no_command(cli: Cli) -> None:
    assert {name for name in loaded_by("--help") if name.startswith("looma_cli.cli.commands")} == set()


def test_root_knows_each_command_by_the_same_line_as_the_command_itself() -> None:
    assert {entry.name: entry.help for entry in ENTRIES} == {name: _own_line(command) for name, command in commands()}


def _own_line(command: Any) -> str:
    from importlib import import_module

    return import_module(f"looma_cli.cli.commands.{command.name}").noun.help


def test_root_help_lists_every_command(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("--help").code == 0
    text = capsys.readouterr().out
    assert all(f"│ {entry.name} " in text for entry in ENTRIES)


@pytest.mark.parametrize("path", [path for path, _ in leaves()])
def test_each_command_explains_itself(cli: Cli, capsys: pytest.CaptureFixture[str], path: str) -> None:
    assert cli(*path.split(), "-h").code == 0
    text = capsys.readouterr().out
    assert f"Usage: looma {path}" in text
    assert "Example" in text
    assert f"$ looma {path}" in text
    assert "<str>" not in text
    assert "<bool>" not in text


def examples() -> Iterator[str]:
    for _, command in leaves():
        for line in reference._example(command.epilog):
            yield line.removeprefix("$ ")


@pytest.mark.parametrize("example", sorted(examples()))
def test_each_example_is_a_command_line_that_parses(example: str) -> None:
    words = shlex.split(example.partition(" | ")[0])[1:]
    context = root().make_context("looma", words)
    command: Any = context.command
    rest = [*context._protected_args, *context.args]
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
        command, rest = context.command, [*context._protected_args, *context.args] or rest[1:]


@pytest.mark.parametrize(("path", "command"), list(leaves()), ids=lambda value: value if isinstance(value, str) else "")
def test_parameters_are_texts_and_flags_for_which_typer_converts_nothing(path: str, command: Any) -> None:
    annotations = {str(p.type_descriptor.annotation) for p in command.params}
    assert annotations <= {"<class 'str'>", "<class 'bool'>", "list[str]"}


CHANGING = {
    "tenant create", "tenant update", "tenant start", "tenant stop", "tenant restart", "tenant suspend", "tenant resume", "tenant delete",
    "operation resume", "operation rollback", "image build", "image bundle", "image load", "core up", "core down", "state rebuild",
    "image send",
    "backup create", "backup verify", "backup drill", "backup restore", "backup prune", "backup copy", "backup schedule", "backup run",
    "tenant export", "tenant import", "fleet upgrade", "host add", "host cordon", "host uncordon", "host remove",
    "host drain", "host evacuate", "tenant move",
    "tenant upgrade", "tenant rollback", "edition switch", "edition rollback", "edition finalize", "apply",
}  # fmt: skip


def test_who_takes_which_common_option() -> None:
    options = {path: {opt for p in command.params for opt in p.opts} for path, command in leaves()}
    assert {path for path, own in options.items() if "--dry-run" in own} == CHANGING
    assert {path for path, own in options.items() if "-o" not in own} == {"tenant exec"}
    assert {path for path, own in options.items() if "--yes" in own} == {
        "tenant delete",
        "edition rollback",
        "edition finalize",
        "operation rollback",
        "core down",
        "state rebuild",
        "backup restore",
        "backup prune",
        "host add",
        "host check",
        "host evacuate",
        "host remove",
    }


def test_the_reference_is_what_the_commands_say() -> None:
    file = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"
    assert file.read_text(encoding="utf-8") == reference.markdown(), "run: python -m looma_cli.cli.reference > docs/reference/commands.md"
