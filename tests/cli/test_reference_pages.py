"""The reference pages on exit codes and JSON say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from looma_cli import errors
from looma_cli.cli.present import LISTS
from looma_cli.errors import LoomaError
from tests.cli.conftest import Cli

PAGES = Path(__file__).parents[2] / "docs" / "reference"


def kinds(base: type[LoomaError] = LoomaError) -> list[type[LoomaError]]:
    return [base, *(kind for each in base.__subclasses__() if each.__module__ == errors.__name__ for kind in kinds(each))]


def test_every_error_code_stands_behind_its_exit_code() -> None:
    text = (PAGES / "exit-codes.md").read_text(encoding="utf-8")
    rows = {int(m[1]): set(re.findall(r"`([a-z_]+)`", m[2])) for m in re.finditer(r"^\| (\d+) \| .* \| (.*) \|$", text, re.MULTILINE)}
    documented = {(code, word) for code, words in rows.items() for word in words}
    assert {(kind.exit_code, kind.code) for kind in kinds()} <= documented
    assert documented - {(kind.exit_code, kind.code) for kind in kinds()} == {(1, "disk_full"), (1, "unexpected")}


def test_every_list_is_named() -> None:
    text = (PAGES / "json.md").read_text(encoding="utf-8")
    assert [plural for plural in LISTS if f'"{plural}"' not in text] == []


def test_the_shapes_have_the_keys_that_are_printed(acme: Cli) -> None:
    text = (PAGES / "json.md").read_text(encoding="utf-8")
    shapes = text.partition("```text")[2].partition("```")[0]
    words = set(re.findall(r"[a-z_]+", shapes))
    printed = [
        acme.json("tenant", "show", "acme"), *acme.json("status")["hosts"], *acme.json("operation", "list", "--all")["operations"],
        *acme.json("port", "list")["ports"], *acme.json("network", "list")["networks"], acme.json("edition", "show", "basic"),
        *acme.json("image", "list")["images"], *acme.json("health")["tenants"][0]["components"],
        acme.json("tenant", "stop", "acme", "--dry-run"), acme.json("backup", "create", "acme"),
    ]  # fmt: skip
    assert {key for document in printed for key in document} <= words
