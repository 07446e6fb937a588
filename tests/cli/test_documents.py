"""The JSON shapes of the contract, and how they are written."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import yaml

from looma_cli.cli.documents import document, time
from looma_cli.cli.pieces import Each
from looma_cli.cli.present import document_of, say_document
from looma_cli.cli.terminal import Screen
from looma_cli.model.health import ComponentHealth
from looma_cli.model.operation import Plan, PlannedStep
from tests.cli.conftest import Cli, Stream
from tests.factories import make_tenant


def written(value: Any, output: str, *, terminal: bool = False, encoding: str = "utf-8") -> str:
    stream = Stream(terminal=terminal, encoding=encoding)
    say_document(value, output, Screen(stream, terminal, None, False))
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


def test_a_tenant_has_exactly_the_contracts_keys_and_more_at_most() -> None:
    shape = document(make_tenant())
    assert list(shape) == [
        "name", "display_name", "edition", "release", "profile", "host", "status", "health", "checked_at", "hostname", "url", "public_port",
        "generations", "images", "settings", "ports", "subnets", "last_backup", "last_proof", "created_at", "updated_at",
    ]  # fmt: skip
    assert all(port["layer"] in ("data", "app") for port in shape["ports"])


def test_no_secret_and_no_key_is_in_a_tenant() -> None:
    from looma_cli.model.tenant import Certificate

    text = json.dumps(document(make_tenant(certificate=Certificate("chain", "sealed-key"))))
    assert "sealed-key" not in text


def test_times_are_rfc_3339_in_utc() -> None:
    eight = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
    assert time(eight) == "2026-01-31T08:00:00Z"
    assert time(eight.astimezone(timezone(timedelta(hours=8)))) == "2026-01-31T08:00:00Z"
    assert time(eight.replace(microsecond=123456)) == "2026-01-31T08:00:00.123Z"
    assert time(None) is None


def test_a_plan_is_under_its_own_key() -> None:
    plan = Plan("tenant.stop", "acme", (PlannedStep("stop-layer", {"tenant": "acme", "layers": ("a",)}, "asked for"),), 0, ("- x",), ("w",))
    assert document(plan) == {
        "plan": {
            "kind": "tenant.stop",
            "tenant": "acme",
            "steps": [{"name": "stop-layer", "reason": "asked for", "params": {"tenant": "acme", "layers": ["a"]}}],
            "changes": ["- x"],
            "warnings": ["w"],
        }
    }


def test_a_latency_is_rounded() -> None:
    from looma_cli.cli.documents import component_health

    assert component_health(ComponentHealth("mysql", "datastore", "running", True, 1.23456, ""))["latency_ms"] == 1.2


def test_an_unknown_noun_is_refused_and_not_guessed() -> None:
    with pytest.raises(TypeError, match="no JSON shape for object"):
        document_of([object()])


def test_json_is_one_line_for_programs_and_indented_on_a_terminal() -> None:
    assert written({"a": [1]}, "json") == '{"a": [1]}\n'
    assert written({"a": 1}, "json", terminal=True) == '{\n  "a": 1\n}\n'


@pytest.mark.parametrize("output", ["json", "yaml"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "gb2312", "latin-1"])
def test_every_text_comes_back_from_every_encoding(output: str, encoding: str) -> None:
    value = {"text": "基础版 \u2028 é \U0001f600 ' \" \\ \n {{ x }}", "no": "no", "null": None, "number": "0123"}
    stream = Stream(encoding=encoding)
    say_document(value, output, Screen(stream, False, None, False))
    stream.flush()
    text = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert (json.loads(text) if output == "json" else yaml.safe_load(text)) == value


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "gb2312"])
@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("terminal", [False, True])
def test_a_list_that_is_made_while_it_is_written_reads_as_one_made_before(terminal: bool, count: int, encoding: str) -> None:
    nouns = [f"基础版 \U0001f600 \" {number}" for number in range(count)]
    lazy = {"before": 1, "items": Each(nouns, lambda noun: {"text": noun}), "after": [None]}
    whole = {"before": 1, "items": [{"text": noun} for noun in nouns], "after": [None]}
    for output in ("json", "yaml"):
        text = written(lazy, output, terminal=terminal, encoding=encoding)
        assert (json.loads(text) if output == "json" else yaml.safe_load(text)) == whole
    if encoding == "utf-8":
        assert written(lazy, "json", terminal=terminal) == written(whole, "json", terminal=terminal)


def test_chinese_is_not_escaped_where_it_can_be_written() -> None:
    assert "基础版" in written({"title": "基础版"}, "json")
    assert "基础版" in written({"title": "基础版"}, "yaml")


def test_json_and_yaml_say_the_same(acme: Cli) -> None:
    for command in (["tenant", "show", "acme"], ["status"], ["port", "list"], ["edition", "show", "basic"], ["operation", "list", "--all"]):
        assert yaml.safe_load(acme(*command, "-o", "yaml").out) == acme.json(*command)
