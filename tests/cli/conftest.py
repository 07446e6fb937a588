"""Commands run through the real entry point in this process, on a machine whose engine, edge and probes live in memory."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from looma_cli.cli.run import run
from looma_cli.cli.terminal import Terminal
from looma_cli.wiring import open_looma
from tests.worlds import Machine

LITE = ("--edition", "basic", "--profile", "lite")


class Stream(io.TextIOWrapper):
    """A standard stream: text over bytes, a terminal or not, in any encoding."""

    def __init__(self, text: str = "", *, terminal: bool = False, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(text.encode("utf-8")), encoding=encoding, newline="\n")
        self._is_terminal = terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def fileno(self) -> int:
        raise OSError("no file behind it")

    @property
    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Result:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as JSON: exactly one document."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        return self.document["error"]


class Cli:
    """``cli("tenant", "list")``. ``terminal`` makes all three streams terminals; ``answer`` is what the person types."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.opened: list[Any] = []  # every Looma that was opened
        self.prepare: Callable[[Any], None] = lambda looma: None

    def __call__(
        self,
        *arguments: str,
        terminal: bool = False,
        answer: str = "",
        encoding: str = "utf-8",
        out: Any = None,
        **environment: str,
    ) -> Result:
        streams = Stream(answer, terminal=terminal), out or Stream(terminal=terminal, encoding=encoding), Stream(terminal=terminal)
        settings = {**self.machine.environment, **environment}
        code = run(list(arguments), Terminal(*streams, settings), settings, self._open)
        return Result(code, getattr(streams[1], "text", ""), streams[2].text)

    def json(self, *arguments: str, code: int = 0, **options: Any) -> Any:
        """The document that a command prints with ``-o json``; its exit code must be ``code``."""
        result = self(*arguments, "-o", "json", **options)
        assert result.code == code, (result.code, result.out, result.err)
        return result.document

    def _open(self, flags: Any, reporter: Any, *, environment: Any, stop_requested: Any) -> Any:
        looma = open_looma(flags, reporter, environment=environment, world=self.machine.world(), stop_requested=stop_requested)
        self.prepare(looma)
        self.opened.append(looma)
        return looma


@pytest.fixture(scope="session")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("empty") / "home")


@pytest.fixture(scope="session")
def _with_acme(_empty: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    machine = _empty.twin(tmp_path_factory.mktemp("acme") / "home")
    assert Cli(machine)("tenant", "create", "acme", *LITE).code == 0
    return machine


@pytest.fixture
def machine(_empty: Machine, tmp_path: Path) -> Machine:
    return _empty.twin(tmp_path / "home")


@pytest.fixture
def cli(machine: Machine) -> Cli:
    return Cli(machine)


@pytest.fixture
def acme(_with_acme: Machine, tmp_path: Path) -> Cli:
    """On a machine with one running tenant, ``acme`` of the basic edition with the lite profile."""
    return Cli(_with_acme.twin(tmp_path / "home"))
