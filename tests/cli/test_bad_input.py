"""What bad input gets: the contract's exit code, one line of what, one of what to do, and nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import LITE, Cli

BAD_NAMES = {
    "empty": "", "one letter": "a", "too long": "a" * 41, "uppercase": "Acme", "dots": "ac.me", "slashes": "../acme", "spaces": "ac me",
    "quotes": "ac'me", "double quotes": 'ac"me', "dollar": "$HOME", "newline": "acme\n", "newline inside": "ac\nme", "chinese": "客户",
    "trailing dash": "acme-", "underscore": "ac_me", "digit first": "1acme", "escape": "ac\x1b[31mme", "null": "ac\0me",
    "surrogate": "ac\udcffme",
}  # fmt: skip
BAD_HOSTNAMES = {
    "empty": "", "too long": ".".join(["a" * 60] * 5), "label too long": "a" * 64 + ".example", "uppercase": "Crm.Acme.example",
    "empty label": "crm..example", "slashes": "crm/acme", "spaces": "crm acme", "quotes": "crm'.example", "dollar": "$crm.example",
    "newline": "crm.example\n", "chinese": "客户.example", "leading dash": "-crm.example", "trailing dash": "crm-.example",
    "trailing dot": "crm.example.", "underscore": "crm_x.example", "wildcard": "*.example", "address": "192.0.2.1", "semicolon": "a;b",
    "braces": "{{x}}", "port": "crm.example:80",
}  # fmt: skip


def assert_refused(cli: Cli, *arguments: str, code: int, error: str) -> None:
    """The same failure as text and as JSON: exit code, one line and one hint, no traceback, no tenant made."""
    as_json = cli(*_before_dashes(arguments, "-o", "json"))
    assert (as_json.code, as_json.error["code"]) == (code, error), as_json
    assert as_json.error["message"]
    assert as_json.error["hint"]
    assert as_json.err == ""
    as_text = cli(*arguments)
    assert (as_text.code, as_text.out) == (code, "")
    what, hint = as_text.err.splitlines()
    assert what == f"error: {as_json.error['message']}"
    assert hint == f" hint: {as_json.error['hint']}"
    assert as_text.err.replace("\n", "").isprintable()
    assert [tenant["name"] for tenant in cli.json("tenant", "list")["tenants"]] == []


def _before_dashes(arguments: tuple[str, ...], *more: str) -> list[str]:
    place = arguments.index("--") if "--" in arguments else len(arguments)
    return [*arguments[:place], *more, *arguments[place:]]


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_malformed_names_of_new_tenants(cli: Cli, name: str) -> None:
    assert_refused(cli, "tenant", "create", *LITE, "--no-start", name, code=2, error="invalid_name")


def test_a_name_with_a_leading_dash(cli: Cli) -> None:
    assert_refused(cli, "tenant", "create", "-acme", *LITE, code=2, error="usage")
    assert_refused(cli, "tenant", "create", *LITE, "--", "-acme", code=2, error="invalid_name")


@pytest.mark.parametrize("name", [BAD_NAMES[key] for key in ("empty", "uppercase", "slashes", "newline", "chinese")])
@pytest.mark.parametrize("verb", ["show", "start", "stop", "restart", "suspend", "resume", "update", "delete", "logs", "render"])
def test_malformed_names_of_existing_tenants(cli: Cli, verb: str, name: str) -> None:
    assert_refused(cli, "tenant", verb, name, code=2, error="invalid_name")


@pytest.mark.parametrize("hostname", BAD_HOSTNAMES.values(), ids=BAD_HOSTNAMES.keys())
def test_malformed_hostnames(cli: Cli, hostname: str) -> None:
    assert_refused(cli, "tenant", "create", "acme", *LITE, "--no-start", f"--hostname={hostname}", code=2, error="invalid_name")


def test_a_chinese_hostname_is_answered_with_its_punycode(cli: Cli) -> None:
    error = cli.json("tenant", "create", "acme", *LITE, "--hostname", "例子.com", code=2)["error"]
    assert error["hint"] == "write it as xn--fsqu00a.com"


@pytest.mark.parametrize("setting", ["A", "", "=x", "1A=x", "A-B=x", "A B=x", "$A=x", "A\n=x", "中文=x"])
def test_malformed_settings(cli: Cli, setting: str) -> None:
    assert_refused(cli, "tenant", "create", "acme", *LITE, "--no-start", "--set", setting, code=2, error="invalid_value")


@pytest.mark.parametrize(
    "option",
    [
        ["--profile", "huge"], ["--ports", "some"], ["--images", "remote"], ["--display-name", "a\tb"], ["--display-name", " "],
        ["--wait", "soon"], ["--wait", "-5s"], ["--wait", ""], ["--wait", "400h"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_values_that_are_malformed_or_not_on_the_list(cli: Cli, option: list[str]) -> None:
    assert_refused(cli, "tenant", "create", "acme", *LITE, "--no-start", *option, code=2, error="invalid_value")


@pytest.mark.parametrize(
    ("option", "value"), [("--edition", "Basic!"), ("--release", "1 4"), ("--release", ""), ("--host", "a/b"), ("--host", "")]
)
def test_malformed_names_of_other_things(cli: Cli, option: str, value: str) -> None:
    rest = [] if option == "--edition" else ["--edition", "basic"]
    assert_refused(cli, "tenant", "create", "acme", *rest, "--no-start", option, value, code=2, error="invalid_name")


@pytest.mark.parametrize(
    "arguments",
    [
        ["tenant", "create", "acme", "--edition", "gold"],
        ["tenant", "create", "acme", "--edition", "basic", "--release", "9.9.9"],
        ["tenant", "create", "acme", "--edition", "basic", "--host", "moon", "--no-start"],
        ["tenant", "show", "nosuch"],
        ["tenant", "stop", "nosuch"],
        ["tenant", "delete", "nosuch", "--no-backup", "--yes"],
        ["status", "nosuch"],
        ["health", "nosuch"],
        ["port", "list", "--tenant", "nosuch"],
        ["port", "list", "--host", "moon"],
        ["network", "list", "--tenant", "nosuch"],
        ["operation", "show", "op-0000000000"],
        ["operation", "resume", "op-0000000000"],
        ["operation", "rollback", "op-0000000000", "--yes"],
        ["edition", "show", "gold"],
        ["edition", "compare", "basic", "gold"],
        ["image", "list", "--edition", "gold"],
        ["core", "status"],
        ["core", "down"],
    ],
    ids=" ".join,
)
def test_well_formed_but_unknown(cli: Cli, arguments: list[str]) -> None:
    assert_refused(cli, *arguments, code=3, error="not_found")


@pytest.mark.parametrize(
    "arguments",
    [
        ["tennant"],
        ["tenant", "lst"],
        ["tenant", "show"],
        ["tenant", "show", "a1", "b2"],
        ["tenant", "list", "--nope"],
        ["tenant", "create"],
        ["tenant", "create", "acme"],
        ["tenant", "create", "--from", "x", "acme"],
        ["tenant", "create", "--from", "x", "--hostname", "a.example"],
        ["health", "acme", "--all"],
    ],
    ids=" ".join,
)
def test_malformed_command_lines(cli: Cli, arguments: list[str]) -> None:
    assert_refused(cli, *arguments, code=2, error="usage")


def test_an_option_without_its_value(cli: Cli) -> None:
    result = cli("tenant", "create", "acme", "--edition", LOOMA_OUTPUT="json")
    assert (result.code, result.error["code"]) == (2, "usage")


def test_a_missing_command_or_option_says_where_the_help_is(cli: Cli) -> None:
    assert cli.json("tenant", "lst", code=2)["error"]["hint"] == "looma tenant --help shows how"
    assert "Did you mean 'list'?" in cli.json("tenant", "lst", code=2)["error"]["message"]


def test_the_platform_is_no_edition_for_tenants(cli: Cli) -> None:
    assert_refused(cli, "tenant", "create", "acme", "--edition", "looma-core", code=2, error="invalid_value")


def test_certificates_that_are_missing_or_none(cli: Cli, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text("hello")
    binary = tmp_path / "binary.pem"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "absent.pem", other, binary, tmp_path, ""):
        assert_refused(cli, "tenant", "create", "acme", *LITE, "--no-start", "--tls-cert", str(path), code=2, error="invalid_value")


def test_a_certificate_without_its_key(cli: Cli, tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert_refused(cli, "tenant", "create", "acme", *LITE, "--no-start", "--tls-cert", str(chain), code=2, error="invalid_value")


def test_a_bad_setting_in_the_environment(cli: Cli) -> None:
    result = cli("tenant", "list", "-o", "json", LOOMA_PORT_RANGE="many")
    assert (result.code, result.error["code"]) == (2, "invalid_value")
    result = cli("tenant", "list", LOOMA_OUTPUT="xml")
    assert (result.code, result.err.splitlines()[0]) == (2, "error: 'xml' is not one of the values of --output")


def test_a_hostname_that_another_tenant_has(acme: Cli) -> None:
    acme.json("tenant", "update", "acme", "--hostname", "crm.example")
    assert (
        acme.json("tenant", "create", "other", *LITE, "--no-start", "--hostname", "crm.example", code=4)["error"]["code"]
        == "already_exists"
    )
    assert [tenant["name"] for tenant in acme.json("tenant", "list")["tenants"]] == ["acme"]


def test_no_engine_to_start_on(cli: Cli) -> None:
    cli.machine.daemon.answers = False
    assert_refused(cli, "tenant", "create", "acme", *LITE, code=7, error="engine_unavailable")
