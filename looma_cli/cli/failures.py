"""Every way in which a command can end badly, as one line of what, one line of what to do, a code and an exit code."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import typer

from looma_cli.errors import Cancelled, LoomaError

# Typer brings its own click or uses the installed one, by its release; its BadParameter leads to the base classes of either.
UsageFailure: type[Exception] = typer.BadParameter.__mro__[1]
ClickFailure: type[Exception] = typer.BadParameter.__mro__[2]


@dataclass(frozen=True)
class Failure:
    """What the user is told. ``details`` are JSON-safe facts for scripts."""

    code: str
    exit_code: int
    message: str
    hint: str
    details: Mapping[str, Any] = field(default_factory=dict)


def explain(error: BaseException) -> Failure:
    """The failure that an exception means."""
    if isinstance(error, LoomaError):
        return Failure(error.code, error.exit_code, one_line(error.message), one_line(error.hint), _plain(error.details))
    if isinstance(error, UsageFailure):
        return Failure("usage", 2, one_line(error.format_message()), _help_of(error))
    if isinstance(error, ClickFailure):
        return Failure("failed", 1, one_line(error.format_message()), "")
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return explain(interrupted())
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Failure(
            "disk_full", 1, f"no space left on the device to write {error.filename or 'the output'}", "free some space and try again"
        )
    message = one_line(f"unexpected {type(error).__name__}: {error}")
    return Failure("unexpected", 1, message, "this is a defect of looma; --debug shows where")


def interrupted(*, changing: bool = False) -> Cancelled:
    return Cancelled("interrupted", "looma operation list shows what waits to be resumed" if changing else "")


def one_line(text: str) -> str:
    return " ".join(text.split())


def envelope(failure: Failure) -> dict[str, Any]:
    """``{"error": {"code", "message", "hint"}}``, with ``details`` where there are any."""
    error: dict[str, Any] = {"code": failure.code, "message": failure.message, "hint": failure.hint}
    if failure.details:
        error["details"] = dict(failure.details)
    return {"error": error}


def _help_of(error: Any) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'looma'} --help shows how"


def _plain(details: Mapping[str, Any]) -> dict[str, Any]:
    """Only what JSON can say; the rest is for Python callers."""
    import json

    plain = {}
    for name, value in details.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            continue
        plain[name] = value
    return plain
