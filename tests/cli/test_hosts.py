"""``looma host`` and what other commands say of hosts: as text and as JSON, with good and bad input."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import LITE, Cli
from tests.cli.test_completion import complete
from tests.worlds import Machine, Site

URL = "ssh://root@h1"


@pytest.fixture
def site(machine: Machine) -> Site:
    site = machine.add_stranger("h1")
    site.daemon.memory_bytes = 32 << 30
    site.set_time(machine.clock.now())
    return site


@pytest.fixture
def pool(cli: Cli, site: Site) -> Cli:
    """With the host h1."""
    cli.json("host", "add", "h1", URL, "--yes", "--labels", "zone=a")
    return cli


def hosts(cli: Cli) -> dict[str, Any]:
    return {host["name"]: host for host in cli.json("host", "list")["hosts"]}


# adding
def test_the_key_is_shown_and_pinned_when_somebody_says_yes(cli: Cli, site: Site) -> None:
    result = cli("host", "add", "h1", URL, terminal=True, answer="y\n", COLUMNS="60")
    assert result.code == 0
    assert site.key.fingerprint in result.err.replace("\n", "")
    assert "Pin it as the key of host h1?" in result.err
    assert "added h1" in result.out.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert all(len(line) <= 60 for line in _bare(result.out))
    assert hosts(cli)["h1"]["host_key"] == site.key.fingerprint


def _bare(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


def test_whoever_says_no_has_no_new_host(cli: Cli, site: Site) -> None:
    assert cli("host", "add", "h1", URL, terminal=True, answer="n\n").code == 1
    assert list(hosts(cli)) == ["local"]


def test_without_a_terminal_the_key_has_to_be_named_or_agreed_to(cli: Cli, site: Site) -> None:
    error = cli.json("host", "add", "h1", URL, code=2)["error"]
    assert error["code"] == "confirmation_required"
    assert f"--host-key {site.key.fingerprint}" in error["hint"]
    other = cli.json("host", "add", "h1", URL, "--host-key", "SHA256:" + "A" * 43, code=4)["error"]
    assert site.key.fingerprint in other["message"]
    assert list(hosts(cli)) == ["local"]
    added = cli.json("host", "add", "h1", URL, "--host-key", site.key.fingerprint)
    assert (added["status"], added["url"], added["host_key"]) == ("ready", URL, site.key.fingerprint)
    assert {check["status"] for check in added["checks"]} == {"ok"}


def test_a_host_is_added_with_labels_a_size_and_an_address(cli: Cli, site: Site) -> None:
    added = cli.json(
        "host", "add", "h1", URL, "--yes", "--labels", "zone=a,disk=ssd", "--labels", "rack=7", "--address", "crm.example.com",
        "--capacity", "cpus=8,memory=16G",
    )  # fmt: skip
    assert added["labels"] == {"zone": "a", "disk": "ssd", "rack": "7"}
    assert added["address"] == "crm.example.com"
    assert added["declared"] == {"cpus": 8.0, "memory_bytes": 16 << 30, "disk_bytes": 0}
    assert added["capacity"] == {"cpus": 8.0, "memory_bytes": 16 << 30, "disk_bytes": added["measured"]["disk_bytes"]}


def test_offline_nothing_is_asked_and_the_first_check_pins_the_key(cli: Cli, site: Site) -> None:
    added = cli.json("host", "add", "h1", URL, "--offline", "--capacity", "memory=32G")
    assert (added["status"], added["host_key"], added["checks"]) == ("unknown", None, [])
    assert cli.json("host", "check", "h1", code=2)["error"]["code"] == "confirmation_required"
    [checked] = cli.json("host", "check", "h1", "--yes")["hosts"]
    assert (checked["status"], checked["host_key"]) == ("ready", site.key.fingerprint)


def test_a_dry_run_adds_nothing(cli: Cli, site: Site) -> None:
    plan = cli.json("host", "add", "h1", URL, "--labels", "zone=a", "--dry-run")["plan"]
    assert (plan["kind"], plan["tenant"], plan["steps"]) == ("host.add", None, [])
    assert f"+ host h1 {URL}, address h1" in plan["changes"]
    assert list(hosts(cli)) == ["local"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("H1", URL), 2),
        (("-h1", URL), 2),
        (("a/b", URL), 2),
        (("h1", "ssh://-oProxyCommand=x"), 2),
        (("h1", "ssh://root@-oProxyCommand=x"), 2),
        (("h1", "ssh://root:secret@h1"), 2),
        (("h1", "http://h1"), 2),
        (("h1", "root@h1"), 2),
        (("h1", "ssh://h1;reboot"), 2),
        (("h1", "ssh://h1:0"), 2),
        (("h1", URL, "--labels", "zone"), 2),
        (("h1", URL, "--labels", "zone=a b"), 2),
        (("h1", URL, "--labels", "zone=a,zone=b"), 2),
        (("h1", URL, "--labels", "zone=a", "--labels", "zone=b"), 2),
        (("h1", URL, "--labels", "=a"), 2),
        (("h1", URL, "--capacity", "memory=much"), 2),
        (("h1", URL, "--capacity", "memory=0"), 2),
        (("h1", URL, "--capacity", "ram=4G"), 2),
        (("h1", URL, "--capacity", "memory=4G,memory=5G"), 2),
        (("h1", URL, "--capacity", "cpus=-1"), 2),
        (("h1", URL, "--capacity", ""), 2),
        (("h1", URL, "--address", "a b"), 2),
        (("h1", URL, "--address", "-x"), 2),
        (("h1", URL, "--address", "1.2.3.4.5"), 2),
        (("h1", URL, "--host-key", "MD5:00:11"), 2),
        (("h1", URL, "--offline", "--host-key", "SHA256:" + "A" * 43), 2),
        (("local", URL), 4),
        (("h1", "ssh://root@nowhere"), 7),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(cli: Cli, site: Site, arguments: tuple[str, ...], code: int) -> None:
    result = cli("host", "add", *arguments, "--yes")
    assert (result.code, "Traceback" in result.err) == (code, False)
    assert list(hosts(cli)) == ["local"]


def test_a_host_that_is_there_is_named(pool: Cli) -> None:
    assert "host h1 exists" in pool.json("host", "add", "h1", "ssh://root@h2", "--offline", code=4)["error"]["message"]
    error = pool.json("host", "add", "h2", f"{URL}/", "--offline", code=4)["error"]
    assert (error["details"]["host"], "is host h1" in error["message"]) == ("h1", True)


# looking
def test_the_list_has_every_host_in_sixty_columns(pool: Cli) -> None:
    result = pool("host", "list", COLUMNS="60")
    lines = result.out.splitlines()
    assert lines[0].split()[:2] == ["HOST", "STATUS"]
    assert [line.split()[0] for line in lines[1:]] == ["local", "h1"]
    assert all(len(line) <= 60 for line in lines)


def test_a_host_shows_when_it_is_full(pool: Cli) -> None:
    document = pool.json("host", "show", "h1", "--edition", "basic", "--profile", "lite")
    ahead = document["forecast"]
    assert (ahead["edition"], ahead["profile"]) == ("basic", "lite")
    first = ahead["limits"][0]
    text = " ".join(pool("host", "show", "h1", "--edition", "basic", "--profile", "lite", COLUMNS="60").out.split())
    assert f"full at tenant {first['tenants']}: {first['what']}; next limit" in text
    assert pool("host", "show", "nosuch").code == 3
    assert pool("host", "show", "h1", "--edition", "nosuch").code == 3


def test_a_check_tells_of_all_hosts_and_ends_with_5_where_something_is_wrong(pool: Cli, site: Site) -> None:
    text = pool("host", "check").out
    assert "2 hosts, all ok" in text
    site.cut()
    result = pool("host", "check", "h1")
    assert (result.code, "no container engine answers" in result.out, "1 host, 1 with something wrong" in result.out) == (5, True, True)
    assert hosts(pool)["h1"]["status"] == "unreachable"


def test_a_changed_key_is_pinned_only_when_it_is_named(pool: Cli, site: Site) -> None:
    site.change_key()
    assert pool("host", "check", "h1").code == 5
    assert pool("host", "check", "h1", "--host-key", "SHA256:" + "A" * 43).code == 4
    assert pool("host", "check", "h1", "--host-key", site.key.fingerprint).code == 0
    assert hosts(pool)["h1"]["host_key"] == site.key.fingerprint
    assert pool("host", "check", "--host-key", site.key.fingerprint).code == 2
    assert pool("host", "check", "local", "--host-key", site.key.fingerprint).code == 4


# closing, removing
def test_a_cordoned_host_says_so_until_it_is_uncordoned(pool: Cli, site: Site) -> None:
    assert "cordoned" in pool("host", "cordon", "h1").out
    assert pool.json("host", "cordon", "h1", "--dry-run")["plan"]["changes"] == []
    refused = pool.json("tenant", "create", "acme", *LITE, "--host", "h1", "--no-start", code=4)["error"]
    assert refused["hint"].startswith("looma host uncordon h1")
    site.cut()
    status = pool.json("status", "--live")
    seen = next(host for host in status["hosts"] if host["name"] == "h1")
    assert (seen["status"], seen["cordoned"], status["unreachable"][0]["host"]) == ("unreachable", True, "h1")
    assert "unreachable, cordoned" in pool("host", "list").out
    site.back()
    assert pool.json("host", "uncordon", "h1")["status"] == "unreachable"
    assert pool.json("host", "check", "h1")["hosts"][0]["status"] == "ready"


def test_removing_asks_and_refuses_while_tenants_are_there(pool: Cli) -> None:
    assert pool("host", "remove", "h1").code == 2
    assert pool.json("host", "remove", "h1", "--dry-run")["plan"]["changes"][0] == f"- host h1 {URL}"
    pool.json("tenant", "create", "acme", *LITE, "--host", "h1", "--no-start")
    error = pool.json("host", "remove", "h1", "--yes", code=4)["error"]
    assert (error["details"]["tenants"], "has tenants: acme" in error["message"]) == (["acme"], True)
    pool.json("tenant", "delete", "acme", "--no-backup", "--yes")
    assert pool.json("host", "remove", "h1", "--yes")["name"] == "h1"
    assert list(hosts(pool)) == ["local"]
    assert pool("host", "remove", "local", "--yes").code == 4


# placing
def test_a_tenant_goes_where_its_labels_are(pool: Cli) -> None:
    assert pool.json("tenant", "create", "acme", *LITE, "--no-start", "--on", "zone=a")["host"] == "h1"
    error = pool.json("tenant", "create", "beta", *LITE, "--no-start", "--on", "zone=b", code=4)["error"]
    assert error["code"] == "no_room"
    assert error["details"]["lacks"] == ["h1: not labelled zone=b", "local: not labelled zone=b"]
    text = pool("tenant", "create", "beta", *LITE, "--no-start", "--on", "zone=b").err
    assert "h1: not labelled zone=b\nlocal: not labelled zone=b\nerror: no host has room for basic lite" in text


SENSELESS = [("--on", "zone=a", "--host", "h1"), ("--place", "pack", "--host", "h1"), ("--place", "tight"), ("--on", "zone")]


@pytest.mark.parametrize("extra", SENSELESS)
def test_selectors_that_make_no_sense_are_refused(pool: Cli, extra: tuple[str, ...]) -> None:
    assert pool("tenant", "create", "acme", *LITE, "--no-start", *extra).code == 2


def test_a_file_places_each_line(pool: Cli, tmp_path: Path) -> None:
    rows = [
        {"name": "one", "on": {"zone": "a"}},
        {"name": "two", "host": "local"},
        {"name": "three", "on": "zone=a"},
        {"name": "four", "on": "zone"},
        {"name": "five", "on": "zone=a", "host": "h1"},
    ]
    file = tmp_path / "customers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    results = pool.json("tenant", "create", "--from", str(file), *LITE, "--no-start", code=1)["results"]
    assert [(result.get("tenant") or {}).get("host") for result in results] == ["h1", "local", "h1", None, None]
    assert [result["error"] and result["error"]["code"] for result in results][3:] == ["invalid_value", "invalid_value"]


def test_lists_can_be_of_one_host(pool: Cli) -> None:
    pool.json("tenant", "create", "acme", *LITE, "--no-start", "--host", "h1")
    pool.json("tenant", "create", "beta", *LITE, "--no-start", "--host", "local")
    assert [tenant["name"] for tenant in pool.json("tenant", "list", "--host", "h1")["tenants"]] == ["acme"]
    assert {port["tenant"] for port in pool.json("port", "list", "--host", "h1")["ports"]} == {"acme"}
    assert {network["tenant"] for network in pool.json("network", "list", "--host", "local")["networks"]} == {"beta"}
    for noun in ("tenant", "port", "network"):
        error = pool.json(noun, "list", "--host", "nosuch", code=3)["error"]
        assert "looma host list" in error["hint"]


# elsewhere
def test_status_says_why_a_host_cannot_be_reached(pool: Cli, site: Site) -> None:
    assert "h1" in pool("status").out
    site.cut()
    lines = pool("status", "--live", COLUMNS="60").out.splitlines()
    assert any("unreachable" in line for line in lines)
    assert any("no container engine answers" in line for line in lines)
    assert all(len(line) <= 60 for line in lines)


def test_the_doctor_has_a_line_for_each_host(pool: Cli, site: Site, machine: Machine) -> None:
    def lines() -> dict[str, Any]:
        result = pool("doctor", "-o", "json")
        return {check["name"]: check for check in result.document["checks"] if check["name"].startswith("host ")}

    pool.json("host", "add", "h2", "ssh://root@h2", "--offline")
    found = lines()
    assert (found["host h1"]["status"], found["host h2"]["status"], found["host h2"]["hint"]) == ("ok", "warning", "looma host check h2")
    site.cut()
    assert lines()["host h1"]["status"] == "failed"


@pytest.mark.parametrize("line", ["looma host show ", "looma host check ", "looma tenant create acme --host ", "looma port list --host "])
def test_the_shell_offers_names_of_hosts(pool: Cli, line: str) -> None:
    assert complete(pool.machine.home, line) == ["h1", "local"]
