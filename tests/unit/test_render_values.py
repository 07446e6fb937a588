"""No value of a person or a manifest can break out of a rendered file: properties over arbitrary text."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from looma_cli.adapters.render import JinjaRenderer, document
from looma_cli.adapters.render.literal import as_compose, as_json, doubled, halved
from looma_cli.adapters.render.placeholders import resolve, secrets_in
from looma_cli.settings import data_directory
from tests.factories import make_component, make_edition, make_prometheus, make_request, make_tenant

RENDERER = JinjaRenderer(data_directory("templates"))
NASTY = st.sampled_from(
    [
        *("${X}", "$$", "$", "$HOME", "${X:-y}", "{{ 7*7 }}", "{% raw %}", "{# #}", "$(id)", "`id`", "'; rm -rf /", '"', "'", "\\", "\\n"),
        *("\n", "\r\n", "\t", " ", "#", ": ", "- ", "---", "...", "&a", "*a", "!!python/object", "<<", "|", ">", "%", "@", "[", "{", "}"),
        *("yes", "no", "null", "~", "true", "1e3", "0x1f", "012", "1_000", "12:30", "1.", ".5", ".inf", "2024-01-01", "=", "?", ","),
        *("\x85", "\u2028", "\u2029", "\ufeff", "\x7f", "\x9f", "\uffff", "\U0001f600", "中文", "é", "\x1b[31m", "\x01"),
    ]
)
# Whatever an environment variable can hold: no NUL, no lone surrogate.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
VALUE = st.one_of(TEXT, NASTY, st.lists(st.one_of(NASTY, TEXT), max_size=6).map("".join))
NAME = st.from_regex(r"[A-Z][A-Z0-9_]{0,12}", fullmatch=True)
TREE = st.recursive(
    st.one_of(VALUE, st.integers(-(2**53), 2**53), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(VALUE, inner, max_size=4)),
    max_leaves=12,
)


def load(text: str) -> Any:
    return yaml.load(text, Loader=yaml.CSafeLoader)


@given(st.dictionaries(NAME, VALUE, max_size=4))
def test_any_setting_arrives_unharmed(values: dict[str, str]) -> None:
    manifest = RENDERER.render(make_request("app", tenant=make_tenant(settings=values))).manifest
    for name in ("user-service", "job-service"):
        environment = halved(load(manifest)["services"][name]["environment"])
        assert {key: environment[key] for key in values} == values


@given(VALUE, VALUE)
def test_no_word_of_a_manifest_breaks_out(command: str, value: str) -> None:
    component = make_component(command=(command,), environment={"A": value}, user=value or None, healthcheck=("CMD", command))
    request = make_request("app", edition=make_edition((component,)), secrets=dict.fromkeys(secrets_in([command, value]), "x"))
    result = load(RENDERER.render(request).manifest)
    assert list(result["services"]) == ["init", "user-service"] if request.secrets else ["user-service"]
    service = halved(result["services"]["user-service"])
    assert set(result) <= {"name", "services", "networks", "volumes", "secrets"}
    assert service["command"] == [resolve(command, _values())]
    assert service.get("user", "") == value


def _values() -> dict[str, str]:
    from looma_cli.adapters.render.placeholders import values_for, values_of

    request = make_request("app")
    return values_for(make_component(), values_of(request), 96 * 2**20)


@given(st.from_regex(r"[^\x00\ud800-\udfff]{1,20}", fullmatch=True))
def test_no_name_breaks_out_of_the_configuration_of_prometheus(name: str) -> None:
    edition = make_edition((make_component(name, metrics_path="/metrics"), make_prometheus()), name=name)
    request = make_request("data", edition=edition)
    configs = halved(load(RENDERER.render(request).manifest)["configs"])
    scrape = load(configs["prometheus-etc-prometheus-prometheus.yml"]["content"])
    rules = load(configs["prometheus-etc-prometheus-rules.yml"]["content"])
    assert [job["job_name"] for job in scrape["scrape_configs"]] == [name, "prometheus"]
    assert scrape["scrape_configs"][0]["dns_sd_configs"][0]["names"] == [name]
    assert scrape["global"]["external_labels"]["edition"] == name
    assert rules["groups"][0]["rules"][0]["labels"]["job"] == name


@given(VALUE)
@example("\\ud83d")
@example("\U0001f600")
def test_json_is_read_alike_by_json_and_yaml(value: str) -> None:
    text = as_json({"key": value})
    assert json.loads(text) == load(text) == {"key": value}
    assert "\n" not in text


@given(TREE)
def test_compose_gives_back_what_was_escaped(tree: Any) -> None:
    assert halved(doubled(tree)) == tree
    assert halved(json.loads(as_compose(tree))) == tree


@given(st.dictionaries(VALUE, TREE, min_size=1, max_size=5))
@settings(max_examples=300)
@example({"12345678e012": "12345678e012", "a": "0o17", "b": "1e5", "c": "+.5", "d": "0b1"})
@example({"a": {"b": [[], {}, [[1, "x"], {"c": []}], "l1\nl2\n", "\n", " a\n", "a\n\n", "a \n", "#\n", "a\n b\n", "\ta\n"]}})
def test_a_written_document_reads_back_the_same(tree: dict[str, Any]) -> None:
    assert load(document.write(tree, "acme", "looma-acme-app-g1")) == tree


@given(VALUE)
def test_a_string_looks_like_nothing_else_to_a_yaml_12_reader(value: str) -> None:
    """Compose reads YAML 1.2, where other bare words are numbers than in PyYAML's YAML 1.1: only words may stand bare."""
    line = document.write({"key": value}, "acme", "p").splitlines()[2].removeprefix("key: ")
    assert line.startswith(('"', "'", "|")) or not (line[0].isdigit() or line[0] in "+.~=" or line[:2].lower() == "-.")


@given(VALUE, VALUE)
def test_placeholders_are_resolved_once(before: str, brought_in: str) -> None:
    assert resolve("$(tenant)", {"tenant": brought_in}) == brought_in
    if "$(" not in before:
        assert resolve(before + "|$(tenant)", {"tenant": brought_in}) == f"{before}|{brought_in}"
