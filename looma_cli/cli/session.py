"""One run of looma: what the user asked for around the command itself, and the use cases to call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from looma_cli.cli.terminal import Terminal
from looma_cli.errors import ConfirmationRequired, InvalidValue, LoomaError
from looma_cli.model.validation import choice

if TYPE_CHECKING:
    from looma_cli.cli.progress import ClosingReporter
    from looma_cli.wiring import Looma

OUTPUTS = ("table", "json", "yaml")


class Session:
    """``flags`` are settings given on the command line; ``output`` is how the result is said; ``exit_code`` is what a command
    whose result is printed all the same sets (5 where something is not healthy)."""

    def __init__(self, terminal: Terminal, opener: Callable[..., Looma], environment: Mapping[str, str], *, debug: bool = False) -> None:
        self.terminal = terminal
        self.environment = environment
        self.debug = debug
        self.flags: dict[str, Any] = {}
        self.output_flag: str | None = None
        self.dry_run = False
        self.wait_seconds = 0.0
        self.exit_code = 0
        self._opener = opener

    @cached_property
    def looma(self) -> Looma:
        """The use cases; settings are read when this is first used. Raises InvalidValue for a bad setting."""
        from looma_cli.cli.interrupts import stop_requested

        return self._opener(self.flags, self.reporter, environment=self.environment, stop_requested=stop_requested)

    @cached_property
    def reporter(self) -> ClosingReporter:
        from looma_cli import settings
        from looma_cli.cli.progress import reporter_for

        return reporter_for(self.terminal, settings.load(self.flags, self.environment).log_format, self.environment)

    @cached_property
    def output(self) -> str:
        """table, json or yaml: flag, environment, config.toml, default. Raises InvalidValue."""
        given = self.output_flag or self.environment.get("LOOMA_OUTPUT")
        return choice("--output", given, OUTPUTS) if given else self._configured_output()

    def _configured_output(self) -> str:
        from looma_cli import settings

        if not (settings.home(self.environment) / "config.toml").is_file():
            return "table"
        return settings.load({}, self.environment).output

    @property
    def change(self) -> dict[str, Any]:
        """What every changing use case takes."""
        return {"dry_run": self.dry_run, "wait_seconds": self.wait_seconds}

    def finishing_the_step(self) -> AbstractContextManager[None]:
        """Ctrl-C while an operation runs ends after the step under way."""
        from looma_cli.cli.interrupts import finishing_the_step

        return finishing_the_step(self._is_running, self._answer_interrupt)

    def _is_running(self) -> bool:
        return "reporter" in self.__dict__ and self.reporter.running

    def _answer_interrupt(self) -> None:
        self.reporter.warn("stopping after this step; once more to stop at once")

    def close(self) -> None:
        """Take the spinner off the screen."""
        if "reporter" in self.__dict__:
            self.reporter.close()

    def end(self) -> None:
        """Give back what the command has opened."""
        self.close()
        if "looma" in self.__dict__:
            self.looma.close()

    # talking to the person, on standard error
    def tell(self, text: str) -> None:
        self.close()
        self.terminal.err.line(text)

    def hint(self, text: str) -> None:
        """What to type next; only where a person looks at it."""
        if self.terminal.err.is_terminal:
            self.tell(self.terminal.err.paint(text, "dim"))

    def confirm(self, question: str, yes: bool) -> None:
        """Ask before something is destroyed, unless ``--yes`` or ``--dry-run``.

        Raises ConfirmationRequired where nobody can be asked, LoomaError when the answer is no.
        """
        if yes or self.dry_run:
            return
        if not self.terminal.can_ask:
            raise ConfirmationRequired(f"{question} Nobody is here to say yes.", "add --yes to do it without asking")
        self.close()
        screen = self.terminal.err
        screen.stream.write(screen.drawable(f"{screen.paint(question, 'bold')} [y/N] "))
        screen.stream.flush()
        if self.terminal.input.readline().strip().lower() not in ("y", "yes"):
            raise LoomaError("nothing was changed: the answer was not yes", "answer y, or add --yes")


def requested_output(arguments: list[str], environment: Mapping[str, str]) -> str:
    """How an error is said when the command line could not even be read: ``-o json`` anywhere on it counts."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    given = environment.get("LOOMA_OUTPUT", "")
    for here, following in zip(own, [*own[1:], ""], strict=True):
        if here in ("-o", "--output"):
            given = following
        elif here.startswith("--output="):
            given = here.removeprefix("--output=")
        elif here.startswith("-o") and len(here) > 2:
            given = here[2:].removeprefix("=")
    return given if given in OUTPUTS else "table"


def only_one(names: str, *given: Any) -> None:
    """Raises InvalidValue when more than one of the options was given."""
    if sum(value not in (None, False, [], ()) for value in given) > 1:
        raise InvalidValue(f"{names} exclude one another", "give one of them")
