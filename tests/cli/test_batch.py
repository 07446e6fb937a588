"""``tenant create --from FILE``: every line reported, a bad one does not end it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import LITE, Cli

GOOD = """\
- name: one1
  edition: basic
  profile: lite
- {name: two2, edition: basic, profile: lite, hostname: two.example, set: {LEVEL: yes, PORT: 0123}}
"""


def batch(cli: Cli, tmp_path: Path, text: str, *more: str, code: int = 0) -> list[dict[str, Any]]:
    file = tmp_path / "tenants.yaml"
    file.write_text(text, encoding="utf-8")
    return cli.json("tenant", "create", "--from", str(file), "--no-start", *more, code=code)["results"]


def names(cli: Cli) -> list[str]:
    return [tenant["name"] for tenant in cli.json("tenant", "list")["tenants"]]


def test_yaml_values_mean_what_they_would_as_flags(cli: Cli, tmp_path: Path) -> None:
    results = batch(cli, tmp_path, GOOD)
    assert [(r["line"], r["name"], r["status"], r["error"]) for r in results] == [
        (1, "one1", "created", None),
        (4, "two2", "created", None),
    ]
    two = results[1]["tenant"]
    assert (two["hostname"], two["settings"]) == ("two.example", {"LEVEL": "yes", "PORT": "0123"})
    assert cli.json("tenant", "show", "two2")["settings"] == {"LEVEL": "yes", "PORT": "0123"}


def test_a_bad_line_is_reported_and_the_next_one_tried(cli: Cli, tmp_path: Path) -> None:
    text = """\
- {name: one1, edition: basic, profile: lite}
- {name: Bad Name, edition: basic}
- {name: three3, edition: gold}
- just text
- {name: five5, edition: basic, profile: lite, colour: blue}
- {name: six6}
- {name: seven7, edition: basic, profile: lite}
"""
    results = batch(cli, tmp_path, text, code=1)
    assert [(r["line"], r["status"]) for r in results] == [
        (1, "created"), (2, "failed"), (3, "failed"), (4, "failed"), (5, "failed"), (6, "failed"), (7, "created"),
    ]  # fmt: skip
    codes = [r["error"]["code"] for r in results if r["error"]]
    assert codes == ["invalid_name", "not_found", "invalid_value", "invalid_value", "invalid_value"]
    assert all(r["error"]["message"] and r["error"]["hint"] for r in results if r["error"])
    assert names(cli) == ["one1", "seven7"]


def test_json_lines(cli: Cli, tmp_path: Path) -> None:
    lines = ['{"name": }', "", '{"name": "two2", "display-name": "甲乙", "set": {"A": "x\u2028y"}}', '{"name": 3}', "[]", ""]
    results = batch(cli, tmp_path, "{}\n" + "\n".join(lines), *LITE, code=1)
    assert [(r["line"], r["status"]) for r in results] == [(1, "failed"), (2, "failed"), (4, "created"), (5, "failed"), (6, "failed")]
    tenant = cli.json("tenant", "show", "two2")
    assert (tenant["display_name"], tenant["settings"]) == ("甲乙", {"A": "x\u2028y"})
    assert names(cli) == ["two2"]


def test_flags_are_defaults_for_every_line(cli: Cli, tmp_path: Path) -> None:
    results = batch(cli, tmp_path, "- {name: one1}\n- {name: two2, edition: pro, set: {B: 2}}\n", *LITE, "--set", "A=1")
    assert [(r["tenant"]["edition"], r["tenant"]["settings"]) for r in results] == [("basic", {"A": "1"}), ("pro", {"A": "1", "B": "2"})]


def test_certificates_are_found_beside_the_file(cli: Cli, tmp_path: Path) -> None:
    results = batch(cli, tmp_path, "- {name: one1, edition: basic, tls-cert: absent.pem, tls-key: absent.key}\n", code=1)
    assert str(tmp_path) in results[0]["error"]["message"]


def test_text_lists_each_line_and_progress_goes_to_standard_error(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text(GOOD + "- {name: UP, edition: basic}\n", encoding="utf-8")
    result = cli("tenant", "create", "--from", str(file), "--no-start")
    assert result.code == 1
    head, *rows = result.out.splitlines()
    assert head.split() == ["LINE", "NAME", "RESULT", "WHAT"]
    assert [row.split()[0] for row in rows] == ["1", "4", "5"]
    assert result.err.splitlines()[:2] == ["one1: creating ...", "one1: created"]
    assert result.err.splitlines()[-1].startswith("line-5: failed ('UP' is not a tenant name)")


def test_dry_run_plans_each_line_and_makes_nothing(cli: Cli, tmp_path: Path) -> None:
    results = batch(cli, tmp_path, GOOD + "- {name: UP, edition: basic}\n", "--dry-run", code=1)
    assert [r["status"] for r in results] == ["planned", "planned", "failed"]
    assert results[0]["plan"]["kind"] == "tenant.create"
    assert names(cli) == []


def test_an_empty_file_makes_nothing(cli: Cli, tmp_path: Path) -> None:
    assert batch(cli, tmp_path, "") == []
    assert batch(cli, tmp_path, "# nothing yet\n") == []


@pytest.mark.parametrize("text", ["name: acme\n", "- {name: [\n", "\t- x", "a: &a\n  - *b\n"])
def test_a_file_that_is_no_list(cli: Cli, tmp_path: Path, text: str) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text(text, encoding="utf-8")
    error = cli.json("tenant", "create", "--from", str(file), code=2)["error"]
    assert error["code"] == "invalid_value"
    assert "\n" not in error["message"]


def test_a_file_that_cannot_be_read(cli: Cli, tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"- name: \xff\xfe")
    for path in (tmp_path / "absent.yaml", tmp_path, binary):
        assert cli.json("tenant", "create", "--from", str(path), code=2)["error"]["code"] == "invalid_value"
