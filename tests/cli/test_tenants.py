"""``looma tenant``: each verb as text and as JSON."""

from __future__ import annotations

import pytest

from tests.cli.conftest import LITE, Cli
from tests.stored import fill

TENANT_KEYS = {
    "name", "display_name", "edition", "release", "profile", "host", "status", "health", "hostname", "url", "public_port", "generations",
    "ports", "subnets", "last_backup", "created_at", "updated_at",
}  # fmt: skip


def test_create_starts_a_tenant_and_prints_it(cli: Cli) -> None:
    tenant = cli.json("tenant", "create", "acme", *LITE, "--hostname", "crm.acme.example")
    assert set(tenant) >= TENANT_KEYS
    assert (tenant["name"], tenant["status"], tenant["hostname"]) == ("acme", "running", "crm.acme.example")
    assert tenant["url"] == f"http://127.0.0.1:{tenant['public_port']}"
    assert tenant["generations"] == {"data": 1, "app": 1}
    assert tenant["public_port"] not in {port["host_port"] for port in tenant["ports"]}
    assert {"component", "layer", "container_port", "host_port", "address", "canonical"} == set(tenant["ports"][0])
    assert [subnet["layer"] for subnet in tenant["subnets"]] == ["data", "app"]


def test_create_tells_progress_on_standard_error_and_facts_on_standard_output(cli: Cli) -> None:
    result = cli("tenant", "create", "acme", *LITE)
    assert result.code == 0
    assert "acme  ● running" in result.out
    assert "http://127.0.0.1:3" in result.out
    assert "Start the data layer: done" in result.err
    assert "\x1b" not in result.out + result.err


def test_create_closes_with_a_panel_and_what_to_type_next_on_a_terminal(cli: Cli) -> None:
    result = cli("tenant", "create", "acme", *LITE, terminal=True, COLUMNS="80", NO_COLOR="1")
    assert "╭─ acme is running ─" in result.out
    assert "at the documented numbers" in result.out
    assert "Next: looma health acme" in result.err


def test_create_again_with_the_same_arguments_changes_nothing(acme: Cli) -> None:
    before = acme.json("tenant", "show", "acme")
    assert acme.json("tenant", "create", "acme", *LITE) == before


def test_create_again_with_other_arguments_is_a_conflict(acme: Cli) -> None:
    result = acme("tenant", "create", "acme", *LITE, "--set", "A=1", "-o", "json")
    assert (result.code, result.error["code"]) == (4, "already_exists")
    assert acme.json("tenant", "show", "acme")["settings"] == {}


def test_create_without_starting_needs_no_engine(cli: Cli) -> None:
    cli.machine.daemon.answers = False
    tenant = cli.json("tenant", "create", "acme", *LITE, "--no-start")
    assert tenant["status"] == "created"
    assert "Next: looma tenant start acme" in cli("tenant", "create", "acme", *LITE, "--no-start", terminal=True).err


def test_create_dry_run_prints_the_plan_and_leaves_nothing(cli: Cli) -> None:
    plan = cli.json("tenant", "create", "acme", *LITE, "--dry-run")["plan"]
    assert (plan["kind"], plan["tenant"]) == ("tenant.create", "acme")
    assert {"name", "reason", "params"} == set(plan["steps"][0])
    assert any(change.startswith("+ route http://") for change in plan["changes"])
    assert cli.json("tenant", "list") == {"tenants": []}
    assert cli.machine.left_on_engine() == []
    text = cli("tenant", "create", "acme", *LITE, "--dry-run").out
    assert "Start the data layer" in text
    assert "nothing was changed" in text


def test_settings_arrive_as_they_were_typed(cli: Cli) -> None:
    hard = "a=b: {{ x }} $(id) `id` '\" ${HOME} | & ; \\ 中文"
    tenant = cli.json("tenant", "create", "acme", *LITE, "--no-start", "--set", f"HARD={hard}", "--set", "EMPTY=")
    assert tenant["settings"] == {"HARD": hard, "EMPTY": ""}


def test_list_as_table_json_and_yaml(acme: Cli) -> None:
    assert [tenant["name"] for tenant in acme.json("tenant", "list")["tenants"]] == ["acme"]
    head, row = acme("tenant", "list").out.splitlines()
    assert head.split() == ["NAME", "EDITION", "RELEASE", "STATUS", "HEALTH", "URL"]
    assert row.split()[:2] == ["acme", "basic"]
    assert "- name: acme\n" in acme("tenant", "list", "-o", "yaml").out


def test_list_shows_the_title_of_the_edition_on_a_terminal(acme: Cli) -> None:
    assert "基础版" in acme("tenant", "list", terminal=True, COLUMNS="100").out


def test_an_empty_list_says_what_to_type_next_on_standard_error(cli: Cli) -> None:
    result = cli("tenant", "list")
    assert (result.code, result.out) == (0, "")
    assert result.err == "There are no tenants yet.\nNext: looma tenant create NAME --edition basic\n"


def test_show_lists_every_port(acme: Cli) -> None:
    text = acme("tenant", "show", "acme").out
    assert "mysql" in text
    assert "127.0.0.1:3307" in text
    assert "subnets" in text


@pytest.mark.parametrize(
    ("verbs", "status"),
    [
        (["stop"], "stopped"),
        (["stop", "start"], "running"),
        (["suspend"], "suspended"),
        (["suspend", "resume"], "running"),
        (["restart"], "running"),
    ],
)
def test_verbs_print_the_tenant(acme: Cli, verbs: list[str], status: str) -> None:
    for verb in verbs:
        tenant = acme.json("tenant", verb, "acme")
    assert set(tenant) >= TENANT_KEYS
    assert tenant["status"] == status
    assert acme.json("tenant", "show", "acme")["status"] == status


@pytest.mark.parametrize("verb", ["start", "stop", "suspend", "resume", "restart", "update", "delete"])
def test_verbs_print_a_plan_with_dry_run_and_change_nothing(acme: Cli, verb: str) -> None:
    before = acme.json("tenant", "show", "acme")
    result = acme.json("tenant", verb, "acme", "--dry-run")
    assert result["plan"]["tenant"] == "acme"
    assert acme.json("tenant", "show", "acme") == before


def test_verbs_say_the_new_status_in_one_line(acme: Cli) -> None:
    assert acme("tenant", "stop", "acme").out.splitlines()[0] == "acme  ○ stopped"


def test_update_changes_settings_hostname_and_display_name(acme: Cli) -> None:
    changed = ["--set", "A=1", "--set", "B=2", "--hostname", "a.example", "--display-name", "客户甲"]
    tenant = acme.json("tenant", "update", "acme", *changed)
    assert (tenant["settings"], tenant["hostname"], tenant["display_name"]) == ({"A": "1", "B": "2"}, "a.example", "客户甲")
    tenant = acme.json("tenant", "update", "acme", "--unset", "A", "--no-hostname")
    assert (tenant["settings"], tenant["hostname"]) == ({"B": "2"}, None)
    assert acme("tenant", "update", "acme", "--set", "C=3").out.startswith("acme  客户甲  ● running")


@pytest.mark.parametrize("pair", [["--hostname", "a.example", "--no-hostname"], ["--tls-cert", "x", "--no-tls"]])
def test_update_refuses_what_excludes_itself(acme: Cli, pair: list[str]) -> None:
    assert acme.json("tenant", "update", "acme", *pair, code=2)["error"]["code"] == "invalid_value"


def test_delete_asks_and_keeps_the_tenant_on_no(acme: Cli) -> None:
    result = acme("tenant", "delete", "acme", "--no-backup", terminal=True, answer="n\n")
    assert result.code == 1
    assert "Delete tenant acme (basic 1.5.0, running) and all its data, without a backup? [y/N]" in result.err.replace(
        "\x1b[1m", ""
    ).replace("\x1b[0m", "")
    assert acme.json("tenant", "show", "acme")["status"] == "running"


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_delete_asks_and_removes_everything_on_yes(acme: Cli, answer: str) -> None:
    assert acme("tenant", "delete", "acme", "--no-backup", terminal=True, answer=answer).code == 0
    assert acme.json("tenant", "list") == {"tenants": []}
    assert acme.machine.left_on_engine() == []


def test_delete_refuses_without_terminal_and_without_yes(acme: Cli) -> None:
    result = acme("tenant", "delete", "acme", "--no-backup", "-o", "json")
    assert (result.code, result.error["code"]) == (2, "confirmation_required")
    assert "--yes" in result.error["hint"]
    assert acme.json("tenant", "show", "acme")["status"] == "running"


def test_delete_prints_what_it_deleted(acme: Cli) -> None:
    tenant = acme.json("tenant", "delete", "acme", "--no-backup", "--yes")
    assert (tenant["name"], tenant["status"]) == ("acme", "deleting")


def test_delete_says_its_name(acme: Cli) -> None:
    assert acme("tenant", "delete", "acme", "--no-backup", "-y").out == "deleted acme\n"


def test_delete_takes_a_last_backup(acme: Cli) -> None:
    fill(acme.machine, "acme", a="1")
    result = acme("tenant", "delete", "acme", terminal=True, answer="y\n", NO_COLOR="1")
    assert "Delete tenant acme (basic 1.5.0, running) and its data, after a last backup? [y/N]" in result.err
    (backup,) = acme.json("backup", "list", "acme")["backups"]
    assert [store["rows"] for store in backup["datastores"]] == [1, 1, 1]
    assert acme.json("tenant", "list") == {"tenants": []}


def test_delete_whose_last_backup_fails_says_how_to_do_without(acme: Cli) -> None:
    acme.machine.stores.failing.add("mysql")
    error = acme.json("tenant", "delete", "acme", "--yes", code=1)["error"]
    assert error["hint"].endswith("looma tenant delete acme --no-backup")
    assert acme.json("tenant", "show", "acme")["status"] == "running"


def test_render_prints_files_and_differences(acme: Cli) -> None:
    files = acme.json("tenant", "render", "acme")["files"]
    assert sorted(files) == ["app-g1/compose.yaml", "data-g1/compose.yaml"]
    assert files["data-g1/compose.yaml"] in acme("tenant", "render", "acme").out.split("--- # data-g1/compose.yaml\n")[1]
    assert acme.json("tenant", "render", "acme", "--diff") == {"files": {}}
    same = acme("tenant", "render", "acme", "--diff")
    assert (same.out, same.err) == ("", "Nothing differs from what is deployed.\n")


def test_logs_as_text_and_as_json_lines(acme: Cli) -> None:
    text = acme("tenant", "logs", "acme", "redis")
    assert text.code == 0
    lines = [line for line in acme("tenant", "logs", "acme", "redis", "-o", "json").out.splitlines() if line]
    assert [f'{{"line": "{line}"}}' for line in text.out.splitlines()] == lines


def test_logs_of_an_unknown_service(acme: Cli) -> None:
    assert acme.json("tenant", "logs", "acme", "nosuch", code=3)["error"]["code"] == "not_found"


@pytest.mark.parametrize("option", [["--tail", "many"], ["--tail", "-1"], ["--since", "yesterday"]])
def test_logs_refuses_malformed_options(acme: Cli, option: list[str]) -> None:
    assert acme.json("tenant", "logs", "acme", *option, code=2)["error"]["code"] == "invalid_value"


def test_exec_hands_the_command_on_and_its_exit_code_back(acme: Cli) -> None:
    acme.machine.engine.shell = lambda command, files: (7, "")
    assert acme("tenant", "exec", "acme", "redis", "--", "sh", "-c", "exit 7").code == 7


def test_exec_in_an_unknown_service(acme: Cli) -> None:
    assert acme("tenant", "exec", "acme", "nosuch", "--", "ls").code == 3
