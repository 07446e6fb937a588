"""However a command ends, what it has opened on other machines is given back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.cli.conftest import Cli


class Closing:
    """Counts; a command that is not begun has nothing to close."""

    def __init__(self, cli: Cli) -> None:
        self.count = 0
        cli.prepare = self._watch

    def _watch(self, looma: Any) -> None:
        def close() -> None:
            self.count += 1

        looma._world = replace(looma._world, close=close)


def interrupted(looma: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("arguments", "code"), [(("tenant", "list"), 0), (("tenant", "show", "nobody"), 3), (("-o", "json", "tenant", "show", "nobody"), 2)]
)
def test_after_a_result_and_after_an_error(cli: Cli, arguments: tuple[str, ...], code: int) -> None:
    closing = Closing(cli)
    assert cli(*arguments).code == code
    assert closing.count == (0 if code == 2 else 1)


def test_after_ctrl_c(cli: Cli) -> None:
    closing = Closing(cli)
    watch: Callable[[Any], None] = cli.prepare

    def prepare(looma: Any) -> None:
        watch(looma)
        looma.tenants.list = lambda *given, **named: interrupted(looma)

    cli.prepare = prepare
    assert cli("tenant", "list").code == 130
    assert closing.count == 1
