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


def test_port_conflicts_fit_a_narrow_terminal_with_every_name(cli: Cli) -> None:
    lines = cli("port", "conflicts", terminal=True, COLUMNS="40", NO_COLOR="1").out.splitlines()
    assert max(cell_len(line) for line in lines) <= 40
    second = lines[0].index("AND BY")
    columns = ["".join(line[part].strip() for line in lines[1:]).replace(" ", "") for part in (slice(4, second), slice(second, None))]
    for conflict in cli.json("port", "conflicts")["conflicts"]:
        for column, claim in zip(columns, conflict["claims"], strict=True):
            assert claim["edition"] + claim["component"] in column


@pytest.mark.parametrize("command", ["tenant list", "status", "health", "edition show basic"])
def test_colours_change_no_text(busy: Cli, command: str) -> None:
    import re

    painted = busy(*command.split(), terminal=True, COLUMNS="80").out
    plain = busy(*command.split(), terminal=True, COLUMNS="80", NO_COLOR="1").out
    assert "\x1b[" in painted
    assert [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", painted).splitlines()] == plain.splitlines()
