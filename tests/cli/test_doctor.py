"""`looma doctor` and `--version`: exit codes, documents and the text that people see."""

from __future__ import annotations

import pytest

from looma_cli import __version__
from tests.cli.conftest import Cli


def test_version(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("--version").code == 0
    assert capsys.readouterr().out == f"looma {__version__}\n"


def test_doctor(cli: Cli) -> None:
    document = cli.json("doctor")
    assert document["ok"] is True
    assert {"name", "status", "detail", "hint"} == set(document["checks"][0])
    assert cli("doctor", LOOMA_IMAGES="registry").out.endswith("10 checks, all ok\n")


def test_doctor_says_how_to_mend_and_exits_5(cli: Cli) -> None:
    cli.machine.daemon.answers = False
    assert cli.json("doctor", code=5)["ok"] is False
    result = cli("doctor")
    assert result.code == 5
    assert "To mend" in result.out


def test_doctor_settings_name_their_source(cli: Cli) -> None:
    (cli.machine.home / "config.toml").write_text('address = "192.0.2.7"\n')
    rows = {
        row["name"]: (row["value"], row["source"]) for row in cli.json("doctor", "--settings", LOOMA_PORT_RANGE="21000-21999")["settings"]
    }
    assert rows["address"] == ("192.0.2.7", "config.toml")
    assert rows["port_range"] == ("21000-21999", "environment")
    assert rows["edge_http_port"] == (80, "default")
    assert "config.toml" in cli("doctor", "--settings").out
