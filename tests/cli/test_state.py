"""`looma state` and `looma core`: exit codes, documents and the text that people see."""

from __future__ import annotations

from tests.cli.conftest import Cli


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
