"""Validators of everything typed: what passes, what does not, and that no message breaks a line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from looma_cli.errors import InvalidName, InvalidValue, LoomaError
from looma_cli.model import validation

NAMES: dict[str, Callable[[str], str]] = {
    "tenant": validation.tenant_name, "edition": validation.edition_name, "component": validation.component_name,
    "host": validation.host_name, "release": validation.release, "operation": validation.operation_id, "hostname": validation.hostname,
}  # fmt: skip
VALUES: dict[str, Callable[[str], Any]] = {
    "display name": validation.display_name, "key": validation.setting_key, "value": validation.setting_value,
    "setting": validation.setting, "duration": validation.duration, "file": validation.file_name,
    "count": lambda text: validation.count("lines", text), "choice": lambda text: validation.choice("x", text, ("a", "b")),
}  # fmt: skip


@given(st.text(max_size=60))
@example("acme")
def test_tenant_names_are_exactly_the_contracts(text: str) -> None:
    wanted = bool(re.fullmatch(r"[a-z][a-z0-9-]{0,38}[a-z0-9]", text, re.ASCII)) and not text.endswith("\n")
    assert (refusal(validation.tenant_name, text) is None) == wanted


@pytest.mark.parametrize("name", [*NAMES, *VALUES])
@given(text=st.text(max_size=80))
@example(text="\n\r\x1b[31m\u2028'\"$(id)")
@example(text="\udcff")
def test_a_refusal_is_one_printable_line_and_one_hint(name: str, text: str) -> None:
    error = refusal(NAMES.get(name) or VALUES[name], text)
    if error is not None:
        assert error.exit_code == 2
        assert error.message.isprintable()
        assert error.hint.isprintable()
        assert error.hint
        assert len(error.message) < 160


def refusal(check: Callable[[str], Any], text: str) -> LoomaError | None:
    try:
        check(text)
    except (InvalidName, InvalidValue) as error:
        return error
    return None


@pytest.mark.parametrize(
    "text", ["a.example", "crm.acme.example", "xn--fsqu00a.com", "a", "1a.example", "a-b.c-d", ".".join(["a" * 63] * 3)]
)
def test_hostnames_that_pass(text: str) -> None:
    assert validation.hostname(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "A.b",
        "a_b",
        "-a",
        "a-",
        "192.0.2.1",
        "::1",
        "a b",
        "a\n",
        "*.a",
        "a/b",
        "中.cn",
        "a" * 64,
        "a." * 127 + "ab",
    ],
)
def test_hostnames_that_do_not_pass(text: str) -> None:
    with pytest.raises(InvalidName):
        validation.hostname(text)


def test_a_hostname_in_capitals_is_answered_with_the_right_one() -> None:
    with pytest.raises(InvalidName) as caught:
        validation.hostname("CRM.Example")
    assert caught.value.hint == "write it in lower case: crm.example"


@example("B.1")
@given(st.text(alphabet="aB1-.é中_", min_size=1, max_size=30))
def test_the_punycode_that_is_offered_passes(text: str) -> None:
    error = refusal(validation.hostname, text)
    offered = re.search(r"^write it (?:as|in lower case:) (\S+)$", error.hint if error else "")
    assert offered is None or validation.hostname(offered[1]) == offered[1]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("1h1m1.5s", 3661.5), ("90", 90), ("0.5", 0.5), ("0s", 0), ("168h", 604800)],
)
def test_durations(text: str, seconds: float) -> None:
    assert validation.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "5 m x", "-5s", "1d", "1e3", "nan", "inf", "5m1h", "169h", "٣s", "1.5h"])
def test_malformed_durations(text: str) -> None:
    with pytest.raises(InvalidValue):
        validation.duration(text)


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=50))
def test_any_text_is_a_settings_value(value: str) -> None:
    assert validation.setting(f"KEY={value}") == ("KEY", value)


@pytest.mark.parametrize("text", ["", "A", "=", "1A=x", "A.B=x", "A\n=x", "Ä=x", "A=\0", "A=\udcff", "A=" + "x" * 40_000])
def test_malformed_settings(text: str) -> None:
    with pytest.raises(InvalidValue):
        validation.setting(text)


def test_display_names_are_stripped_and_printable() -> None:
    assert validation.display_name("  北京客户 Ltd. ") == "北京客户 Ltd."
    for text in ("", " ", "a\nb", "a\x1b[0m", "a\u202eb", "x" * 101):
        with pytest.raises(InvalidValue):
            validation.display_name(text)


def test_a_choice_names_all_there_are() -> None:
    assert validation.choice("--profile", "lite", ("full", "lite")) == "lite"
    with pytest.raises(InvalidValue) as caught:
        validation.choice("--output", "xml", ("table", "json", "yaml"))
    assert caught.value.hint == "choose table, json or yaml"


def test_counts() -> None:
    assert validation.count("lines", "20") == 20
    for text in ("", "-1", "1.5", "many", "٣", "1000001"):
        with pytest.raises(InvalidValue):
            validation.count("lines", text)
