"""Every other command as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from looma_cli import __version__
from looma_cli.errors import CommandFailed, EngineUnavailable
from tests.cli.conftest import LITE, Cli

EDITIONS = ["basic", "pro", "future", "dao", "blockchain"]


def test_version(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("--version").code == 0
    assert capsys.readouterr().out == f"looma {__version__}\n"


# status and health
def test_status_as_text_and_json(acme: Cli) -> None:
    fleet = acme.json("status")
    assert set(fleet) == {"tenants", "hosts", "operations", "summary"}
    assert fleet["summary"] == {"tenants": 1, "running": 1, "unhealthy": 0}
    assert {"name", "url", "address", "status", "labels", "engine", "capacity", "used", "tenants", "checked_at"} == set(fleet["hosts"][0])
    text = acme("status").out
    assert "acme" in text
    assert text.endswith("1 tenant, 1 running, 0 unhealthy\n")


def test_status_of_one_tenant_live(acme: Cli) -> None:
    fleet = acme.json("status", "acme", "--live")
    assert fleet["hosts"][0]["checked_at"].endswith("Z")
    assert fleet["tenants"][0]["health"] == "healthy"
    assert fleet["tenants"][0]["checked_at"].endswith("Z")


def test_status_shows_what_is_unhealthy(acme: Cli) -> None:
    acme.machine.engine.unhealthy.add("mysql")
    fleet = acme.json("status", "--live")
    assert fleet["summary"]["unhealthy"] == 1
    assert "1 unhealthy" in acme("status").out


def test_status_refuses_to_watch_too_often(acme: Cli) -> None:
    assert acme.json("status", "--watch", "--interval", "0", code=2)["error"]["code"] == "invalid_value"


def test_health_of_a_healthy_tenant(acme: Cli) -> None:
    report = acme.json("health", "acme")
    assert report["healthy"] is True
    lines = report["tenants"][0]["components"]
    assert {"component", "kind", "state", "healthy", "latency_ms", "detail"} == set(lines[0])
    assert {line["component"] for line in lines} >= {"mysql", "redis", "postgresql", "prometheus", "basic-server", "edge"}
    assert acme("health").out.endswith("1 tenant, all healthy\n")


def test_health_prints_what_it_found_and_exits_5_when_something_is_not_healthy(acme: Cli) -> None:
    acme.machine.engine.unhealthy.add("mysql")
    report = acme.json("health", "--all", code=5)
    assert [line["component"] for line in report["tenants"][0]["components"] if not line["healthy"]] == ["mysql"]
    result = acme("health", "acme")
    assert result.code == 5
    assert "● unhealthy" in result.out
    assert result.err == ""


def test_health_of_nothing(cli: Cli) -> None:
    assert cli.json("health") == {"healthy": True, "tenants": []}


# editions
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


# what is where
def test_ports_and_networks(acme: Cli) -> None:
    ports = acme.json("port", "list", "--tenant", "acme")["ports"]
    assert {"host", "address", "host_port", "protocol", "tenant", "layer", "component", "state"} <= set(ports[0])
    assert {port["tenant"] for port in ports} == {"acme"}
    networks = acme.json("network", "list", "--host", "local")["networks"]
    assert [(n["tenant"], n["layer"], n["name"]) for n in networks] == [
        ("acme", "data", "looma-acme-data-g1"),
        ("acme", "app", "looma-acme-app-g1"),
    ]
    assert "127.0.0.1" in acme("port", "list").out
    assert "looma-acme-app-g1" in acme("network", "list").out


def test_no_ports_and_no_networks(cli: Cli) -> None:
    assert cli.json("port", "list") == {"ports": []}
    assert cli.json("network", "list") == {"networks": []}
    assert "No port is allocated." in cli("port", "list").err
    assert "No subnet is allocated." in cli("network", "list").err


def test_port_conflicts_are_the_five_of_the_port_map(cli: Cli) -> None:
    conflicts = cli.json("port", "conflicts")["conflicts"]
    assert [conflict["port"] for conflict in conflicts] == [8206, 9200, 9201, 9202, 9203]
    assert all({"edition", "component"} == set(claim) for conflict in conflicts for claim in conflict["claims"])
    assert len(cli("port", "conflicts").out.splitlines()) == 6


# operations
def test_operations_list_and_show(acme: Cli) -> None:
    assert acme.json("operation", "list") == {"operations": []}
    assert "No operation is unfinished." in acme("operation", "list").err
    operations = acme.json("operation", "list", "--all", "--tenant", "acme")["operations"]
    assert [(o["kind"], o["status"]) for o in operations] == [("tenant.create", "done")]
    keys = {"id", "kind", "tenant", "status", "started_at", "finished_at", "steps", "result", "error"}
    assert set(operations[0]) >= keys
    assert {"name", "status", "started_at", "duration_ms", "detail"} == set(operations[0]["steps"][0])
    shown = acme("operation", "show", operations[0]["id"]).out
    assert "Start the data layer" in shown
    assert acme.json("operation", "show", operations[0]["id"]) == operations[0]
    assert operations[0]["id"] in acme("operation", "list", "-a").out


def test_a_finished_operation_can_neither_be_resumed_nor_rolled_back(acme: Cli) -> None:
    id = acme.json("operation", "list", "--all")["operations"][0]["id"]
    assert acme.json("operation", "resume", id, code=4)["error"]["code"] == "not_allowed"
    assert acme.json("operation", "rollback", id, "--yes", code=4)["error"]["code"] == "not_allowed"


@pytest.fixture
def paused(cli: Cli) -> tuple[Cli, str]:
    """A create whose engine went away in the middle: paused, exit 8."""
    cli.machine.engine.fail_on("start", EngineUnavailable("the engine went away", "start it"), layer="app")
    result = cli("tenant", "create", "acme", *LITE, "-o", "json")
    assert (result.code, result.error["code"]) == (8, "paused")
    assert "looma operation resume" in result.error["hint"]
    return cli, result.error["details"]["operation"]


def test_resume_finishes_a_paused_operation(paused: tuple[Cli, str]) -> None:
    cli, id = paused
    assert cli.json("operation", "list")["operations"][0]["status"] == "paused"
    assert "1 operation pending" in cli("status").out
    plan = cli.json("operation", "resume", id, "--dry-run")["plan"]
    assert (plan["kind"], plan["steps"][0]["name"]) == ("operation.resume", "start-layer")
    assert cli.json("operation", "resume", id)["status"] == "done"
    assert cli.json("tenant", "show", "acme")["status"] == "running"


def test_rollback_undoes_a_paused_operation(paused: tuple[Cli, str]) -> None:
    cli, id = paused
    plan = cli.json("operation", "rollback", id, "--dry-run")["plan"]
    assert plan["steps"][-1]["name"] == "reserve-tenant"
    assert cli.json("operation", "rollback", id)["status"] == "rolled_back"
    assert cli.json("tenant", "list") == {"tenants": []}
    assert cli.machine.left_on_engine() == []


def test_a_held_tenant_is_refused_with_the_way_out(paused: tuple[Cli, str]) -> None:
    cli, id = paused
    error = cli.json("tenant", "stop", "acme", code=4)["error"]
    assert (error["code"], id in error["hint"]) == ("held", True)


def test_a_failed_operation_is_put_back_and_said_so(cli: Cli) -> None:
    cli.machine.engine.fail_on("start", CommandFailed("it broke", "mend it"), layer="app")
    result = cli("tenant", "create", "acme", *LITE)
    assert result.code == 1
    assert "Undo: Start the data layer: done" in result.err
    assert "error: it broke (everything was put back)\n hint: mend it\n" in result.err
    assert cli.machine.left_on_engine() == []


# images
@dataclass(frozen=True)
class BuildResult:
    name: str
    reference: str
    state: str
    seconds: float


class Images:
    """Stands in for the image use cases, whose builder drives the real docker command."""

    def __init__(self, looma: Any) -> None:
        self._real = looma.images
        self.calls: list[tuple[Any, ...]] = []

    def list(self, edition: str | None = None, profile: str | None = None) -> list[Any]:
        return self._real.list(edition, profile)

    def build(self, names: list[str]) -> list[BuildResult]:
        self.calls.append(("build", tuple(names)))
        return [BuildResult("redis", "looma/redis:7.0", "built", 1.25)]

    def bundle(self, path: Path, edition: str | None, profile: str | None) -> list[str]:
        self.calls.append(("bundle", path.name, edition, profile))
        return ["looma/redis:7.0"]

    def load(self, path: Path) -> list[str]:
        self.calls.append(("load", path.name))
        return ["looma/redis:7.0"]


@pytest.fixture
def images(cli: Cli) -> Cli:
    cli.prepare = lambda looma: looma.__dict__.__setitem__("images", Images(looma))
    return cli


def calls(cli: Cli) -> list[tuple[Any, ...]]:
    return [call for looma in cli.opened for call in looma.images.calls]


def test_image_list(cli: Cli) -> None:
    found = cli.json("image", "list", "--edition", "basic", "--profile", "lite")["images"]
    assert {"reference", "source", "needed_by", "present"} == set(found[0])
    assert any("basic/mysql" in image["needed_by"] for image in found)
    assert {image["source"] for image in cli.json("image", "list", "--images", "registry")["images"]} == {"registry"}
    assert "looma/redis" in cli("image", "list").out


def test_image_build(images: Cli) -> None:
    document = images.json("image", "build", "redis")
    assert document == {"images": [{"name": "redis", "reference": "looma/redis:7.0", "state": "built", "duration_ms": 1250}]}
    assert images("image", "build").out.splitlines()[1].split() == ["looma/redis:7.0", "built", "1.2s"]
    assert calls(images) == [("build", ("redis",)), ("build", ())]


def test_image_build_dry_run_builds_nothing(images: Cli) -> None:
    images.machine.daemon.images = set()
    plan = images.json("image", "build", "redis", "--dry-run")["plan"]
    assert (plan["kind"], plan["tenant"], len(plan["changes"])) == ("image.build", None, 1)
    assert calls(images) == []


def test_image_bundle_and_load(images: Cli, tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    assert images.json("image", "bundle", str(file), "--edition", "basic") == {"file": str(file), "images": ["looma/redis:7.0"]}
    assert images.json("image", "load", str(file), code=2)["error"]["code"] == "invalid_value"
    file.write_bytes(b"")
    assert images("image", "load", str(file)).out == "looma/redis:7.0\n"
    assert images.json("image", "load", str(file), "--dry-run")["plan"]["kind"] == "image.load"
    assert images.json("image", "bundle", str(file), "--dry-run")["plan"]["changes"][0].startswith(f"+ file {file}")
    assert calls(images) == [("bundle", "b.tar", "basic", None), ("load", "b.tar")]


# the platform
def test_core_up_status_down(cli: Cli) -> None:
    assert cli.json("core", "up", "--dry-run")["plan"]["kind"] == "tenant.create"
    tenant = cli.json("core", "up")
    assert (tenant["name"], tenant["profile"], tenant["status"]) == ("looma-core", "lite", "running")
    assert cli.json("core", "status")["tenants"][0]["name"] == "looma-core"
    assert cli.json("tenant", "list") == {"tenants": []}
    assert cli.json("core", "down")["status"] == "stopped"
    assert cli.json("core", "down", "--volumes", code=2)["error"]["code"] == "confirmation_required"
    assert cli("core", "down", "--volumes", "--yes").out == "deleted looma-core\n"
    assert cli.machine.left_on_engine() == []


# the state
def test_state_path_and_migrate(cli: Cli) -> None:
    paths = cli.json("state", "path")
    assert paths["home"] == str(cli.machine.home)
    assert {"home", "database", "stacks", "secret_key"} <= set(paths)
    assert str(cli.machine.home) in cli("state", "path").out
    assert cli.json("state", "migrate")["revision"]


def test_state_audit_agrees(acme: Cli) -> None:
    assert acme.json("state", "audit") == {"ok": True, "missing": [], "unknown": []}
    assert acme("state", "audit").out == "The state and the engine agree.\n"


def test_state_audit_says_what_is_missing_and_exits_5(acme: Cli) -> None:
    acme.machine.daemon.containers.clear()
    report = acme.json("state", "audit", code=5)
    assert report["ok"] is False
    assert {"host", "kind", "name", "tenant", "detail"} == set(report["missing"][0])
    assert "In the state, but not there" in acme("state", "audit").out


def test_state_rebuild_asks_and_takes_over_what_runs(acme: Cli) -> None:
    home = acme.machine.home
    for file in home.glob("looma.db*"):
        file.unlink()
    assert acme.json("tenant", "list") == {"tenants": []}
    plan = acme.json("state", "rebuild", "--dry-run")["plan"]
    assert any("acme" in change for change in plan["changes"])
    assert acme.json("state", "rebuild", code=2)["error"]["code"] == "confirmation_required"
    report = acme.json("state", "rebuild", "--yes", code=acme("state", "rebuild", "--yes").code)
    assert {"installation", "rebuilt", "skipped", "problems"} == set(report)
    assert [tenant["name"] for tenant in acme.json("tenant", "list")["tenants"]] == ["acme"]


# doctor
def test_doctor(cli: Cli) -> None:
    document = cli.json("doctor")
    assert document["ok"] is True
    assert {"name", "status", "detail", "hint"} == set(document["checks"][0])
    assert cli("doctor", LOOMA_IMAGES="registry").out.endswith("10 checks, all ok\n")


def test_doctor_says_how_to_mend_and_exits_5(cli: Cli) -> None:
    cli.machine.daemon.answers = False
    assert cli.json("doctor", code=5)["ok"] is False
    result = cli("doctor")
    assert result.code == 5
    assert "To mend" in result.out


def test_doctor_settings_name_their_source(cli: Cli) -> None:
    (cli.machine.home / "config.toml").write_text('address = "192.0.2.7"\n')
    rows = {
        row["name"]: (row["value"], row["source"]) for row in cli.json("doctor", "--settings", LOOMA_PORT_RANGE="21000-21999")["settings"]
    }
    assert rows["address"] == ("192.0.2.7", "config.toml")
    assert rows["port_range"] == ("21000-21999", "environment")
    assert rows["edge_http_port"] == (80, "default")
    assert "config.toml" in cli("doctor", "--settings").out
