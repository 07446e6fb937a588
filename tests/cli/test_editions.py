"""`looma edition`: exit codes, documents and the text that people see."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli

EDITIONS = ["basic", "pro", "future", "dao", "blockchain"]


def test_edition_list(cli: Cli) -> None:
    editions = cli.json("edition", "list")["editions"]
    assert [edition["name"] for edition in editions] == EDITIONS
    assert {"name", "title", "audience", "features", "price", "requirements", "releases", "components"} <= set(editions[0])
    text = cli("edition", "list").out
    assert "基础版" in text
    assert "examples until the provider" in text


def test_edition_show(cli: Cli) -> None:
    edition = cli.json("edition", "show", "dao")
    assert {"name": "mysql", "kind": "datastore", "port": 3310}.items() <= next(
        c for c in edition["components"] if c["name"] == "mysql"
    ).items()
    assert "dao-voting-service" in cli("edition", "show", "dao").out


def test_edition_compare(cli: Cli) -> None:
    comparison = cli.json("edition", "compare", "basic", "future")
    assert (comparison["first"], comparison["second"]) == ("basic", "future")
    assert comparison["datastores"]["added"] == ["weaviate"]
    text = cli("edition", "compare", "basic", "future").out
    assert "weaviate" in text
    assert "infrastructure" in text


def test_edition_recommend(cli: Cli) -> None:
    ranked = cli.json("edition", "recommend", "--ai", "--company-size", "large")["recommendations"]
    assert sorted(r["edition"] for r in ranked) == sorted(EDITIONS)
    assert ranked[0]["edition"] == "future"
    assert ranked[0]["reasons"]
    assert cli("edition", "recommend", "--governance").out.splitlines()[1].startswith("dao")


def test_edition_recommend_says_when_no_edition_meets_every_need(cli: Cli) -> None:
    result = cli("edition", "recommend", "--ai", "--budget", "1")
    assert (result.code, result.err) == (0, "No edition meets every need; the nearest come first.\n")


@pytest.mark.parametrize("option", [["--budget", "much"], ["--budget", "-1"], ["--budget", "nan"], ["--company-size", "tiny"]])
def test_edition_recommend_refuses_malformed_needs(cli: Cli, option: list[str]) -> None:
    assert cli.json("edition", "recommend", *option, code=2)["error"]["code"] == "invalid_value"


def test_edition_validate(cli: Cli, tmp_path: Path) -> None:
    assert cli.json("edition", "validate") == {"valid": True, "problems": []}
    assert cli("edition", "validate").err == "Nothing is wrong.\n"
    broken = tmp_path / "school.yaml"
    broken.write_text("name: school\norder: many\n", encoding="utf-8")
    document = cli.json("edition", "validate", str(broken), code=2)
    assert document["valid"] is False
    assert {"file", "line", "message"} == set(document["problems"][0])
    result = cli("edition", "validate", str(broken))
    assert (result.code, result.out.splitlines()[0].startswith(f"{broken}:")) == (2, True)
