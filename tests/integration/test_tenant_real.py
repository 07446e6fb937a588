"""The whole life of one tenant on the real engine, by the commands that a person types."""

from __future__ import annotations

import json
from contextlib import closing
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.database import open_store
from looma_cli.adapters.vault import FernetVault
from tests.integration.homes import Home, is_free, listed, new_tenant

pytestmark = [pytest.mark.engine, pytest.mark.slow]

SERVICES = [
    "basic-server", "user-service", "resume-service", "company-service", "notification-service", "template-service",
    "statistics-service", "banner-service", "dev-team-service", "job-service",
]  # fmt: skip
STORES = ["mysql", "postgresql", "prometheus", "redis"]
TRICKY = {
    "SHELL_LIKE": "$HOME ${X:-y} $$ $(id) `id` '; touch /tmp/x \" \\ & | > <",
    "YAML_LIKE": "a: [b, {c}] # d\n- e\n--- |\n  f: &g *h !!i",
    "JINJA_LIKE": "{{ 7 * 7 }} {% raw %} {# #}",
    "NUMBER_LIKE": "12345678e012",
    "CHINESE": "中文 é 🎉",
    "EQUALS": "a=b=c",
    "EMPTY": "",
}
HOSTNAME, OTHER_HOSTNAME = "crm.acme.example", "www.acme.example"


class Acme:
    """The tenant that the tests of this module look at and change back."""

    def __init__(self, home: Home, name: str) -> None:
        self.home = home
        self.name = name
        self.created = self.run("create", "--edition", "basic", "--profile", "lite", "--hostname", HOSTNAME, *settings(TRICKY))
        self.url: str = self.created["url"]

    def run(self, verb: str, *more: str, code: int = 0) -> Any:
        return self.home.json("tenant", verb, self.name, *more, code=code)

    def inside(self, service: str, *command: str) -> str:
        """What a command prints in a service's container."""
        result = self.home("tenant", "exec", self.name, service, "--", *command)
        assert result.code == 0, result.err
        return result.out

    def environment(self, service: str) -> dict[str, str]:
        """As the service's own process got it."""
        words = self.inside(service, "cat", "/proc/1/environ").split("\0")
        return dict(word.split("=", 1) for word in words if word)

    def by_hostname(self, hostname: str, path: str = "/info") -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.home.environment['LOOMA_EDGE_HTTP_PORT']}{path}", headers={"Host": hostname}, timeout=30)

    def write(self, key: str, value: str) -> None:
        answer = httpx.post(f"{self.url}/records", json={"key": key, "value": value}, timeout=30)
        assert (answer.status_code, answer.json()["key"]) == (201, key)

    def read(self, key: str) -> dict[str, str]:
        """The record's value in each datastore."""
        answer = httpx.get(f"{self.url}/records/{key}", timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["stores"]

    def ports(self) -> list[tuple[str, int]]:
        return [(port["component"], port["host_port"]) for port in self.run("show")["ports"]]

    def secrets(self) -> list[str]:
        """Its passwords in clear, as only this home's key opens them."""
        vault = FernetVault(self.home.path / "secret.key", SystemClock())
        with closing(open_store(self.home.path)) as store, store.read() as state:
            return [vault.open(sealed) for sealed in state.secrets(self.name).values()]


def settings(values: dict[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


@pytest.fixture(scope="module")
def acme(shared_home: Home) -> Acme:
    return Acme(shared_home, new_tenant("acme"))


def everywhere(value: str) -> dict[str, str]:
    return dict.fromkeys(("mysql", "postgresql", "redis"), value)


def test_create_reports_the_running_tenant(acme: Acme) -> None:
    created = acme.created
    assert (created["status"], created["edition"], created["profile"], created["hostname"]) == ("running", "basic", "lite", HOSTNAME)
    assert created["url"] == f"http://127.0.0.1:{created['public_port']}"
    assert created["generations"] == {"data": 1, "app": 1}
    assert created["settings"] == TRICKY
    assert sorted(port["component"] for port in created["ports"]) == sorted([*SERVICES, *STORES])
    assert {port["address"] for port in created["ports"]} == {"127.0.0.1"}


def test_create_again_has_nothing_to_do(acme: Acme) -> None:
    before = acme.home.on_engine()
    same = acme.run("create", "--edition", "basic", "--profile", "lite", "--hostname", HOSTNAME, *settings(TRICKY))
    assert same["updated_at"] == acme.run("show")["updated_at"]
    other = acme.run("create", "--edition", "basic", "--profile", "full", code=4)
    assert "profile" in other["error"]["message"]
    assert acme.home.on_engine() == before


def test_every_component_is_healthy(acme: Acme) -> None:
    health = acme.home.json("health", acme.name)
    (tenant,) = health["tenants"]
    assert health["healthy"]
    assert sorted(c["component"] for c in tenant["components"]) == sorted([*SERVICES, *STORES, "edge"])
    assert all(c["healthy"] and c["latency_ms"] > 0 for c in tenant["components"])


@pytest.mark.parametrize("service", ["basic-server", "job-service"])
def test_settings_arrive_unharmed(acme: Acme, service: str) -> None:
    environment = acme.environment(service)
    assert {name: environment[name] for name in TRICKY} == TRICKY
    assert environment["LOOMA_TENANT"] == acme.name
    assert environment["LOOMA_SERVICE"] == service


def test_records_reach_every_datastore_by_every_way_in(acme: Acme) -> None:
    acme.write("ways", "in")
    assert acme.read("ways") == everywhere("in")
    other = httpx.get(f"{acme.url}/user-service/records/ways", timeout=30)
    assert (other.status_code, other.json()["value"]) == (200, "in")
    assert httpx.get(f"{acme.url}/user-service/info", timeout=30).json()["service"] == "user-service"
    assert httpx.get(f"{acme.url}/info", timeout=30).json()["service"] == "basic-server"
    assert acme.by_hostname(HOSTNAME).json()["tenant"] == acme.name
    assert acme.by_hostname(HOSTNAME, "/job-service/info").json()["service"] == "job-service"
    assert acme.by_hostname("somebody.else.example").status_code == 404


def test_lists_show_what_it_holds(acme: Acme) -> None:
    shown = acme.run("show")
    assert [tenant["name"] for tenant in acme.home.json("tenant", "list")["tenants"]] == [acme.name]
    ports = acme.home.json("port", "list", "--tenant", acme.name)["ports"]
    assert {p["host_port"] for p in ports} == {p["host_port"] for p in shown["ports"]} | {shown["public_port"]}
    assert {p["state"] for p in ports if p["layer"] != "edge"} == {"bound"}
    networks = acme.home.json("network", "list")["networks"]
    assert {(n["layer"], n["cidr"]) for n in networks} == {(s["layer"], s["cidr"]) for s in shown["subnets"]}
    fleet = acme.home.json("status")
    assert fleet["summary"] == {"tenants": 1, "running": 1, "unhealthy": 0}
    assert fleet["operations"] == []


def test_state_and_engine_agree_and_nothing_differs_from_what_is_deployed(acme: Acme) -> None:
    assert acme.home.json("state", "audit") == {"ok": True, "missing": [], "unknown": []}
    diff = acme.home("tenant", "render", acme.name, "--diff")
    assert (diff.code, diff.out) == (0, "")


def test_suspend_answers_503_and_resume_serves_again(acme: Acme) -> None:
    acme.write("suspended", "kept")
    assert acme.run("suspend")["status"] == "suspended"
    for answer in (httpx.get(f"{acme.url}/info", timeout=30), acme.by_hostname(HOSTNAME)):
        assert answer.status_code == 503
    assert acme.home.json("health", acme.name)["healthy"]  # a suspended one is as it should be
    assert acme.run("resume")["status"] == "running"
    assert acme.read("suspended") == everywhere("kept")


def test_update_changes_hostname_and_settings_and_loses_nothing(acme: Acme) -> None:
    acme.write("updated", "kept")
    stores = {c["Name"]: c["Id"] for c in acme.home.containers(acme.name) if c["Config"]["Labels"]["looma.layer"] == "data"}
    updated = acme.run("update", "--hostname", OTHER_HOSTNAME, "--set", "EXTRA={{ $more }}", "--unset", "EMPTY")
    expected = {name: value for name, value in TRICKY.items() if name != "EMPTY"} | {"EXTRA": "{{ $more }}"}
    assert (updated["status"], updated["hostname"], updated["settings"]) == ("running", OTHER_HOSTNAME, expected)
    environment = acme.environment("user-service")
    assert environment["EXTRA"] == "{{ $more }}"
    assert "EMPTY" not in environment
    assert acme.by_hostname(OTHER_HOSTNAME).json()["tenant"] == acme.name
    assert acme.by_hostname(HOSTNAME).status_code == 404
    assert acme.read("updated") == everywhere("kept")
    now = {c["Name"]: c["Id"] for c in acme.home.containers(acme.name) if c["Config"]["Labels"]["looma.layer"] == "data"}
    assert now == stores  # a service's setting is no reason to touch a datastore
    back = acme.run("update", "--hostname", HOSTNAME, "--unset", "EXTRA", "--set", "EMPTY=")
    assert (back["hostname"], back["settings"]) == (HOSTNAME, TRICKY)


def test_stop_keeps_the_data_and_start_serves_them(acme: Acme) -> None:
    acme.write("stopped", "kept")
    ports = acme.ports()
    assert acme.run("stop")["status"] == "stopped"
    assert {c["State"]["Running"] for c in acme.home.containers(acme.name)} == {False}
    assert httpx.get(f"{acme.url}/info", timeout=30).status_code == 503
    assert all(is_free(port) for _, port in ports)
    assert acme.run("start")["status"] == "running"
    assert acme.ports() == ports
    assert acme.read("stopped") == everywhere("kept")
    assert acme.home.json("health", acme.name)["healthy"]


def test_restart_gives_every_container_a_new_start(acme: Acme) -> None:
    acme.write("restarted", "kept")
    started = {c["Name"]: c["State"]["StartedAt"] for c in acme.home.containers(acme.name)}
    assert acme.run("restart")["status"] == "running"
    now = {c["Name"]: c["State"]["StartedAt"] for c in acme.home.containers(acme.name)}
    assert now.keys() == started.keys()
    assert [name for name in now if now[name] == started[name]] == []
    assert acme.read("restarted") == everywhere("kept")


def test_logs_and_exec(acme: Acme) -> None:
    lines = acme.home("tenant", "logs", acme.name, "--tail", "3")
    assert lines.code == 0
    assert {line.split(" | ")[0].strip() for line in lines.out.splitlines()} >= {"basic-server", "mysql", "redis"}
    assert acme.home("tenant", "exec", acme.name, "redis", "--", "sh", "-c", "exit 42").code == 42
    assert acme.home("tenant", "logs", acme.name, "no-such-service").code == 3
    assert acme.inside("user-service", "echo", "a b", "$HOME") == "a b $HOME\n"


def test_labels_name_everything_on_the_engine(acme: Acme, clean_engine: Any) -> None:
    mine = {"looma.installation": acme.home.installation, "looma.tenant": acme.name}
    for listing in ("/containers/json", "/networks", "/volumes"):
        found = [thing["Labels"] for thing in listed(clean_engine, listing, mine)]
        assert {labels["looma.layer"] for labels in found} == {"data", "app"}
        assert {labels["looma.generation"] for labels in found} == {"1"}
    of_containers = [c["Config"]["Labels"] for c in lasting(acme)]
    assert {labels["looma.component"] for labels in of_containers} == {*SERVICES, *STORES}
    assert {labels["looma.edition"] for labels in of_containers} == {"basic"}
    networks = listed(clean_engine, "/networks", mine)
    cidrs = [ip_network(config["Subnet"]) for network in networks for config in network["IPAM"]["Config"]]
    pool = ip_network(acme.home.environment["LOOMA_SUBNET_POOL"])
    assert len(cidrs) == 2
    assert all(cidr.prefixlen == 26 and cidr.subnet_of(pool) for cidr in cidrs)  # type: ignore[arg-type]


def lasting(acme: Acme) -> list[dict[str, Any]]:
    """The tenant's containers without jobs that have ended."""
    return [c for c in acme.home.containers(acme.name) if c["State"]["Running"]]


def test_every_container_is_hardened(acme: Acme) -> None:
    for container in lasting(acme):
        name, host = container["Name"], container["HostConfig"]
        assert [option for option in host["SecurityOpt"] if option.startswith("no-new-privileges")], name
        assert host["CapDrop"] == ["ALL"], name
        assert not host["Privileged"], name
        assert 0 < host["Memory"] <= 1 << 30, name
        assert host["NanoCpus"] > 0, name
        assert host["PidsLimit"] > 0, name
        assert host["RestartPolicy"]["Name"] == "unless-stopped", name
        assert host["LogConfig"]["Config"].get("max-size"), name
        assert {b["HostIp"] for bindings in host["PortBindings"].values() for b in bindings} == {"127.0.0.1"}, name
        assert not [mount for mount in container["Mounts"] if mount["Type"] == "bind"], name
        if container["Config"]["Labels"]["looma.component"] in SERVICES:
            assert host["ReadonlyRootfs"], name
            assert container["Config"]["User"] not in ("", "root", "0"), name


def test_no_password_is_seen_where_it_does_not_belong(acme: Acme) -> None:
    passwords = acme.secrets()
    assert len(passwords) >= 3
    looked_at = [json.dumps([c["Config"], c["HostConfig"], c["Path"], c["Args"]]) for c in acme.home.containers()]
    looked_at += [path.read_text() for path in (acme.home.path / "stacks").glob("**/*") if path.is_file()]
    looked_at += [acme.home("tenant", "render", acme.name).out, acme.home("tenant", "show", acme.name, "-o", "json").out]
    looked_at += [acme.home("tenant", "logs", acme.name).out]
    looked_at += [json.dumps(acme.environment("user-service")), json.dumps(acme.home.json("operation", "list", "--all"))]
    assert [password for password in passwords for text in looked_at if password in text] == []
    database = b"".join(path.read_bytes() for path in acme.home.path.glob("looma.db*"))
    assert [password for password in passwords if password.encode() in database] == []
    assert (acme.home.path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_delete_leaves_nothing(acme: Acme) -> None:
    """Last of this file: the tenant is gone afterwards."""
    ports = [port for _, port in acme.ports()]
    refused = acme.run("delete", code=2)
    assert refused["error"]["code"] == "confirmation_required"
    assert acme.home.on_engine(acme.name) != []
    acme.write("the-last-one", "kept")
    acme.run("delete", "--yes")
    acme.home.assert_nothing_left()
    (last,) = acme.home.json("backup", "list", acme.name)["backups"]
    stores = {store["name"]: store["rows"] for store in acme.home.json("backup", "show", last["id"])["datastores"]}
    assert (set(stores), last["missing"]) == ({"mysql", "postgresql", "redis"}, [])
    assert all(rows > 0 for rows in stores.values())
    assert acme.run("show", code=3)["error"]["code"] == "not_found"
    edge = [int(acme.home.environment[f"LOOMA_EDGE_{kind}_PORT"]) for kind in ("HTTP", "HTTPS")]
    assert all(is_free(port) for port in [*ports, *edge, acme.created["public_port"]])
    assert acme.home.json("state", "audit")["ok"]
