"""What people see fits their terminal, in 60 columns as in 80 and 100."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.cli.conftest import Cli

COMMANDS = [
    "tenant list", "tenant show acme",
    "tenant stop acme --dry-run", "tenant delete acme --dry-run", "tenant create two --edition dao --dry-run",
    "tenant create acme --edition basic --profile lite", "tenant show NOSUCH", "status", "status --live", "health", "edition list",
    "edition show future",
    "edition compare basic blockchain", "edition recommend --ai", "edition recommend --identity --budget 10", "port list",
    "network list", "operation list --all", "image list", "doctor --settings", "state audit",
]  # fmt: skip


@pytest.fixture
def busy(acme: Cli) -> Cli:
    """A tenant with a wide name, a long hostname and an unhealthy component."""
    acme.json("tenant", "update", "acme", "--display-name", "北京第一客户有限公司" * 3, "--hostname", "crm." + "a" * 60 + ".example")
    acme.machine.engine.unhealthy.add("mysql")
    return acme


@pytest.mark.parametrize("columns", ["60", "80", "100"])
@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_wider_than_the_terminal(busy: Cli, command: str, columns: str) -> None:
    result = busy(*command.split(), terminal=True, COLUMNS=columns, NO_COLOR="1")
    lines = (result.out + result.err).splitlines()
    assert lines
    widest = max(lines, key=cell_len)
    assert cell_len(widest) <= int(columns), widest


@pytest.mark.parametrize("command", ["tenant list", "status", "health", "edition show basic"])
def test_colours_change_no_text(busy: Cli, command: str) -> None:
    import re

    painted = busy(*command.split(), terminal=True, COLUMNS="80").out
    plain = busy(*command.split(), terminal=True, COLUMNS="80", NO_COLOR="1").out
    assert "\x1b[" in painted
    assert [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", painted).splitlines()] == plain.splitlines()
