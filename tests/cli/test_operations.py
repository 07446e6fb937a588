"""`looma operation`: exit codes, documents and the text that people see."""

from __future__ import annotations

import pytest

from looma_cli.errors import CommandFailed, EngineUnavailable
from tests.cli.conftest import LITE, Cli


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
