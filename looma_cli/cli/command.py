"""How a function becomes a command: the options that all have, the session it works with, and its result handed back to be said."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import typer

from looma_cli.cli import options
from looma_cli.cli.failures import interrupted
from looma_cli.cli.parameters import CONTEXT_SETTINGS, QuickCommand, QuickGroup
from looma_cli.cli.session import Session
from looma_cli.model.validation import duration

Function = TypeVar("Function", bound=Callable[..., Any])
_OUTPUT = inspect.Parameter("output_", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=options.Output)
_DRY_RUN = inspect.Parameter("dry_run_", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=options.DryRun)
_WAIT = inspect.Parameter("wait_", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=options.Wait)
_CONTEXT = inspect.Parameter("context_", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)


class Noun:
    """The commands of one noun. ``single``: the noun is itself the command (``looma health``)."""

    def __init__(self, name: str, help: str, *, single: bool = False) -> None:
        self.name = name
        self.help = help
        self.single = single
        self._app = typer.Typer(
            name=name,
            cls=QuickGroup,
            help=help,
            no_args_is_help=True,
            add_completion=False,
            rich_markup_mode="rich",
            context_settings=CONTEXT_SETTINGS,
        )

    def verb(
        self, name: str, *, example: str, changes: bool = False, waits: bool | None = None, prints: bool = True
    ) -> Callable[[Function], Function]:
        """Register ``function(session, ...)``. Its result is printed (None: nothing); its docstring is the help.

        ``changes`` adds ``--dry-run``, ``waits`` (default: like ``changes``) ``--wait``, ``prints`` ``--output``.
        """
        extra = [p for p, wanted in ((_OUTPUT, prints), (_DRY_RUN, changes), (_WAIT, changes if waits is None else waits)) if wanted]

        def register(function: Function) -> Function:
            options = {"help": _paragraphs(function.__doc__ or ""), "epilog": _epilog(example)}
            command = self._app.command(name, cls=QuickCommand, context_settings=CONTEXT_SETTINGS, **options)
            command(_with_session(function, extra))
            return function

        return register

    def command(self) -> Any:
        """What Typer runs: a group, or the one command."""
        if self.single:
            command = typer.main.get_command(self._app)
            command.name = self.name
            return command
        return typer.main.get_group(self._app)


def _with_session(function: Callable[..., Any], extra: list[inspect.Parameter]) -> Callable[..., Any]:
    signature = inspect.signature(function, eval_str=True)
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in list(signature.parameters.values())[1:]]

    @functools.wraps(function)
    def call(context_: Any, output_: str | None = None, dry_run_: bool = False, wait_: str | None = None, **values: Any) -> Any:
        session: Session = context_.obj
        session.output_flag = output_
        session.dry_run = dry_run_
        session.wait_seconds = duration(wait_) if wait_ is not None else 0.0
        _ = session.output  # a bad --output is refused before anything is touched
        try:
            with session.finishing_the_step():
                return function(session, **values)
        except KeyboardInterrupt as error:
            raise interrupted(changing=_DRY_RUN in extra and not dry_run_) from error

    parameters = [_CONTEXT, *own, *extra]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del call.__wrapped__  # type: ignore[attr-defined]  # Typer would read the hints of the function behind it
    return call


def _paragraphs(text: str) -> str:
    """Each on one line, to be broken where the terminal ends and not where the source does."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(text).split("\n\n"))


def _epilog(example: str) -> str:
    lines = "\n".join(f"  $ {line}" for line in example.replace("[", "\\[").strip().splitlines())
    return f"[dim]Example[/]\n{lines}"
