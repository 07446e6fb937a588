"""One run of looma from arguments to exit code: parse, call, say the result or what went wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from looma_cli.cli.terminal import Terminal

SWITCHES = {"--debug": "debug", "--no-color": "no_color"}
COMPLETION = "_LOOMA_COMPLETE"


def run(
    arguments: Sequence[str],
    terminal: Terminal,
    environment: Mapping[str, str],
    opener: Callable[..., Any] | None = None,
) -> int:
    """Run one command line; returns the exit code. ``opener`` stands in for ``wiring.open_looma`` in tests. Raises nothing."""
    try:
        return _run(arguments, terminal, environment, opener)
    except BrokenPipeError:
        return 0  # whoever read the output has had enough of it
    finally:
        _flush(terminal)


def _run(arguments: Sequence[str], terminal: Terminal, environment: Mapping[str, str], opener: Callable[..., Any] | None) -> int:
    from looma_cli.cli.session import Session, requested_output

    if environment.get(COMPLETION):
        return _complete(arguments)
    rest, switches = hoisted(arguments)
    terminal.no_color = terminal.no_color or "no_color" in switches
    session = Session(terminal, opener or _open_looma, environment, debug="debug" in switches)
    code = 0
    try:
        code = _call(rest, session)
        terminal.output.flush()
    except BrokenPipeError:
        return session.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  every way to fail ends here, as one line
        session.close()
        return _fail(error, session, requested_output(rest, environment))
    finally:
        session.end()
    return code


def _call(arguments: list[str], session: Any) -> int:
    from looma_cli.cli.root import root

    try:
        result = root().main(args=arguments, prog_name="looma", standalone_mode=False, obj=session)
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # a group alone shows its help, as docker and kubectl do
            return 0
        raise
    except SystemExit as error:  # Typer ends the process itself where help meets a closed pipe, and after --install-completion
        return 0 if isinstance(error.__context__, OSError) else int(error.code or 0)
    if isinstance(result, int):  # --help, --version, Ctrl-C while parsing, the exit code of `tenant exec`
        return result
    if result is not None:
        from looma_cli.cli.present import say

        session.close()
        say(result, session)
    return session.exit_code


def _fail(error: BaseException, session: Any, output: str) -> int:
    """Say what went wrong, on standard error, or as JSON or YAML on standard output; returns the exit code."""
    from looma_cli.cli.failures import envelope, explain

    failure = explain(error)
    screen = session.terminal.err
    if session.debug:
        import traceback

        screen.stream.write("".join(traceback.format_exception(error)))
    if output == "table" or session.debug:
        for line in failure.details.get("log", ()) or failure.details.get("lacks", ()):  # a log of a container that may be gone by now
            screen.line(str(line))
    try:
        if output != "table":
            from looma_cli.cli.present import say_document

            say_document(envelope(failure), output, session.terminal.out)
            session.terminal.output.flush()
        else:
            _lines(failure, screen)
    except BrokenPipeError:
        pass
    except OSError:  # standard output is what failed (a full disk): say so where it can still be said
        _lines(failure, screen)
    return failure.exit_code


def _lines(failure: Any, screen: Any) -> None:
    """One line of what and one of what to do; broken between words only where a terminal is too narrow."""
    from looma_cli.cli.layout import fold

    for label, style, text in (("error:", "bold red", failure.message), (" hint:", "bold", failure.hint)):
        lines = fold(text, screen.width - len(label) - 1) if screen.width else [text]
        for number, line in enumerate(lines if text else ()):
            screen.line(f"{screen.paint(label, style) if number == 0 else ' ' * len(label)} {line}")
    screen.stream.flush()


def hoisted(arguments: Sequence[str]) -> tuple[list[str], set[str]]:
    """``--debug`` and ``--no-color`` may stand anywhere before a ``--``: (the rest, the switches found)."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    found = {SWITCHES[argument] for argument in arguments[:end] if argument in SWITCHES}
    return [*(a for a in arguments[:end] if a not in SWITCHES), *arguments[end:]], found


def _complete(arguments: Sequence[str]) -> int:
    """Answer the shell; never an error, whatever is half typed."""
    from looma_cli.cli.root import root

    try:
        root().main(args=list(arguments), prog_name="looma", standalone_mode=False)
    except SystemExit as done:
        return int(done.code or 0)
    except Exception:  # noqa: BLE001  a traceback in the middle of a half-typed line helps nobody
        return 0
    return 0


def _flush(terminal: Terminal) -> None:
    """Write what is left, so that the interpreter finds nothing to complain about at its end."""
    try:
        terminal.output.flush()
    except (OSError, ValueError):
        _discard(terminal)


def _discard(terminal: Terminal) -> None:
    """Nothing more can be written to standard output: let the interpreter's last flush go nowhere."""
    try:
        descriptor = terminal.output.fileno()
    except (OSError, ValueError, AttributeError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _open_looma(*given: Any, **named: Any) -> Any:
    from looma_cli.wiring import open_looma

    return open_looma(*given, **named)


def main() -> None:
    """Entry point of the command ``looma``."""
    import gc

    # A command lives for a second: collecting while libraries are imported costs 30-50 ms and frees nothing.
    gc.set_threshold(100_000, 50, 100)
    if "--no-color" in sys.argv:
        os.environ["NO_COLOR"] = "1"  # Typer's help reads it
    sys.exit(run(sys.argv[1:], Terminal.standard(), os.environ))
