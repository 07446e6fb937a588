"""The generated validator is the schema's, and agrees with an interpreter of it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from looma_cli.adapters.render import JinjaRenderer, difference, schema
from looma_cli.adapters.render.generate_schema import GENERATED, SCHEMA, source
from looma_cli.settings import data_directory
from tests.factories import make_request

INTERPRETER = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
LAYER = yaml.safe_load(JinjaRenderer(data_directory("templates")).render(make_request("app")).manifest)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=5), st.lists(st.text(max_size=3), max_size=2))


def test_the_generated_module_is_up_to_date() -> None:
    assert GENERATED.read_text(encoding="utf-8") == source(), "make schema writes it again"


def test_a_rendered_layer_is_valid_for_both() -> None:
    assert schema.problem(LAYER) is None
    assert list(INTERPRETER.iter_errors(LAYER)) == []


@given(st.sampled_from(sorted(LAYER["services"]["user-service"])), SCALARS)
def test_both_judge_a_changed_service_alike(key: str, value: Any) -> None:
    service = LAYER["services"]["user-service"] | {key: value}
    document = LAYER | {"services": {"user-service": service}}
    assert (schema.problem(document) is None) == INTERPRETER.is_valid(document)


@given(st.sampled_from(["networks", "volumes", "secrets", "configs", "services", "name", "other"]), SCALARS)
def test_both_judge_a_changed_section_alike(key: str, value: Any) -> None:
    document = LAYER | {key: value}
    assert (schema.problem(document) is None) == INTERPRETER.is_valid(document)


@pytest.mark.parametrize(
    ("document", "place"),
    [({"services": {"a": {"ports": 3}}}, "data.services.a.ports"), ({"networks": {"n": {"driver": 1}}}, "data.networks.n.driver")],
)
def test_a_problem_names_its_place(document: dict[str, Any], place: str) -> None:
    assert (schema.problem(document) or "").startswith(place)


class TestDifference:
    def test_nothing_when_nothing_changes(self) -> None:
        assert difference("a\nb\n", "a\nb\n", "x") == ""

    def test_a_changed_line(self) -> None:
        assert difference("a\nb\n", "a\nc\n", "x") == "--- deployed/x\n+++ rendered/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"

    def test_everything_is_new_at_first(self) -> None:
        assert difference(None, "a\n", "x") == "--- /dev/null\n+++ rendered/x\n@@ -0,0 +1 @@\n+a\n"
