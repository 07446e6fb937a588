"""`--plan-out` and `looma apply`: exactly the plan that was shown, or a refusal that says what moved."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import LITE, Cli


@pytest.fixture
def plan(acme: Cli, tmp_path: Path) -> Path:
    """A saved switch of acme, from basic to pro."""
    file = tmp_path / "acme-pro.json"
    assert acme("edition", "switch", "acme", "pro", "--plan-out", str(file)).code == 0
    return file


def refused(cli: Cli, file: Path, code: int = 4, error: str = "not_allowed") -> dict[str, Any]:
    """Of an ``apply`` that changes nothing, as a dry run and for good."""
    before = cli.json("operation", "list", "--all")
    dry = cli.json("apply", str(file), "--dry-run", code=code)["error"]
    found = cli.json("apply", str(file), code=code)["error"]
    assert (found["code"], found["message"], found["hint"] != "") == (error, dry["message"], True)
    assert cli.json("operation", "list", "--all") == before
    assert cli.json("tenant", "show", "acme")["edition"] == "basic"
    return found


def edited(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def test_a_saved_plan_is_carried_out_as_it_was_shown(acme: Cli, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    before = acme.json("tenant", "show", "acme")
    shown = acme.json("edition", "switch", "acme", "pro", "--keep", "2h", "--plan-out", str(file))
    assert (shown["file"], shown["plan"]["kind"], shown["plan"]["tenant"]) == (str(file), "edition.switch", "acme")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["plan.json"]
    assert acme.json("tenant", "show", "acme") == before
    assert [one["kind"] for one in acme.json("operation", "list", "--all")["operations"]] == ["tenant.create"]
    assert acme.json("backup", "list")["backups"] == []
    assert acme.json("apply", str(file), "--dry-run")["plan"] == shown["plan"]
    assert acme.json("tenant", "show", "acme") == before

    operation = acme.json("apply", str(file))
    assert (operation["kind"], operation["status"], operation["tenant"]) == ("edition.switch", "done", "acme")
    assert [step["name"] for step in operation["steps"]] == [step["name"] for step in shown["plan"]["steps"]]
    after = acme.json("tenant", "show", "acme")
    assert (after["edition"], after["generations"]) == ("pro", {"data": 2, "app": 2})
    reserved = next(step["params"] for step in shown["plan"]["steps"] if step["name"] == "reserve-generation")
    present = {port["host_port"] for port in acme.json("port", "list")["ports"] if port["state"] == "bound" and port["layer"] != "edge"}
    assert present == {row["host_port"] for row in reserved["allocations"]}
    saved_set = next(step["params"]["backup"] for step in shown["plan"]["steps"] if step["name"] == "backup-stores")
    assert [backup["id"] for backup in acme.json("backup", "list")["backups"]] == [saved_set]
    assert acme.json("state", "audit")["ok"]


def test_a_saved_upgrade(acme: Cli, tmp_path: Path) -> None:
    releases = acme.json("edition", "show", "basic")["releases"]
    file = tmp_path / "down.json"
    shown = acme.json("tenant", "upgrade", "acme", "--release", releases[0], "--plan-out", str(file))
    assert shown["plan"]["kind"] == "tenant.upgrade"
    assert acme.json("apply", str(file))["status"] == "done"
    assert acme.json("tenant", "show", "acme")["release"] == releases[0]
    assert acme.json("tenant", "upgrade", "acme", "--release", releases[-1])["release"] == releases[-1]
    assert "applied at" in acme.json("apply", str(file), code=4)["error"]["message"]


def test_for_people(acme: Cli, tmp_path: Path) -> None:
    file = str(tmp_path / "plan.json")
    saved = acme("edition", "switch", "acme", "pro", "--plan-out", file, terminal=True)
    assert "Plan: edition switch acme" in saved.out
    assert "nothing was changed" in saved.out
    assert "Next: looma apply" in saved.err
    done = acme("apply", file)
    assert (done.code, done.out.splitlines()[0].split()[-1]) == (0, "done")
    again = acme("apply", file)
    assert (again.code, again.out) == (4, "")
    assert again.err.startswith("error: the plan was applied at ")


def test_it_applies_once_even_if_everything_is_as_before_again(acme: Cli, plan: Path) -> None:
    assert acme.json("apply", str(plan))["status"] == "done"
    assert acme("edition", "rollback", "acme", "--yes").code == 0
    assert acme("edition", "finalize", "acme", "--yes").code == 0
    error = refused(acme, plan)
    assert error["details"]["operation"] == "op-" + json.loads(plan.read_text())["digest"][:10]


def test_a_plan_that_failed_does_not_apply_again(acme: Cli, plan: Path) -> None:
    acme.machine.engine.fail_on("start", RuntimeError("no such luck"))
    assert acme("apply", str(plan)).code == 1
    assert "which is failed" in refused(acme, plan)["message"]
    assert acme.json("state", "audit")["ok"]


def test_another_release_moved(acme: Cli, plan: Path) -> None:
    older, newest = acme.json("edition", "show", "basic")["releases"][-2:]
    assert acme("tenant", "upgrade", "acme", "--release", older).code == 0
    error = refused(acme, plan)
    assert f"release: {newest} -> {older}" in error["message"]
    assert "app generation: 1 -> 2" in error["details"]["moved"]


def test_an_image_that_was_built_anew_under_its_name(acme: Cli, plan: Path) -> None:
    acme.machine.daemon.built["looma/reference:1.0"] = 1
    assert refused(acme, plan)["details"]["moved"] == ["image looma/reference:1.0 changed"]


def test_an_image_that_is_gone(acme: Cli, plan: Path) -> None:
    references = json.loads(plan.read_text())["basis"]
    names = {name.removeprefix("image ") for name in references if name.startswith("image ") and ":" in name}
    assert "looma/reference:1.0" in names
    acme.machine.daemon.images = names - {"looma/reference:1.0"}
    assert refused(acme, plan)["details"]["moved"] == ["image looma/reference:1.0 is not on the host any more"]


def test_an_image_that_was_not_there_yet_is_pulled_whatever_it_is_then(acme: Cli, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    everything = set(acme.machine.engine.pullable)
    acme.machine.daemon.images = everything
    assert acme("edition", "switch", "acme", "pro", "--plan-out", str(file)).code == 0
    acme.machine.daemon.images = None
    assert acme.json("apply", str(file), "--dry-run")["plan"]["kind"] == "edition.switch"


def test_an_override_moved(acme: Cli, plan: Path) -> None:
    (acme.machine.home / "stacks" / "acme" / "override.yaml").write_text("services: {}\n")
    assert refused(acme, plan)["details"]["moved"] == ["override.yaml changed"]


def test_settings_moved_and_are_not_shown(acme: Cli, plan: Path) -> None:
    assert acme("tenant", "update", "acme", "--set", "TOKEN=hidden-from-everyone").code == 0
    error = refused(acme, plan)
    assert "settings changed" in error["details"]["moved"]
    assert "hidden" not in json.dumps(error)


def test_a_suspended_tenant(acme: Cli, plan: Path) -> None:
    assert acme("tenant", "suspend", "acme").code == 0
    assert refused(acme, plan)["details"]["moved"] == ["status: running -> suspended"]
    assert acme("tenant", "resume", "acme").code == 0
    assert acme.json("apply", str(plan), "--dry-run")["plan"]["kind"] == "edition.switch"


def test_ports_that_another_tenant_took(acme: Cli, plan: Path) -> None:
    assert acme("tenant", "create", "other", *LITE, "--no-start", "--ports", "block").code == 0
    moved = refused(acme, plan)["details"]["moved"]
    assert any(line.startswith("host port ") and line.endswith(" was taken by tenant other") for line in moved)
    assert any(line.startswith("subnet ") and line.endswith(" was taken by tenant other") for line in moved)
    assert acme("tenant", "delete", "other", "--yes", "--no-backup").code == 0
    assert acme.json("apply", str(plan))["status"] == "done"


def test_a_port_that_something_else_took(acme: Cli, plan: Path) -> None:
    steps = json.loads(plan.read_text())["steps"]
    port = steps[0]["params"]["allocations"][0]["host_port"]
    acme.machine.daemon.foreign_ports.add(("0.0.0.0", port))
    assert refused(acme, plan)["details"]["moved"] == [f"host port {port} is in use on local by something that is not looma's"]


def test_room_that_is_gone(acme: Cli, plan: Path) -> None:
    acme.machine.host.free_bytes = 1
    assert "MiB are missing" in refused(acme, plan, error="conflict")["message"]


def test_a_tenant_that_is_gone(acme: Cli, plan: Path) -> None:
    assert acme("tenant", "delete", "acme", "--yes", "--no-backup").code == 0
    assert acme.json("apply", str(plan), code=3)["error"]["code"] == "not_found"
    acme.machine.clock.sleep(60)
    assert acme("tenant", "create", "acme", *LITE).code == 0
    assert any(line.startswith("created at: ") for line in refused(acme, plan)["details"]["moved"])


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan["steps"][0]["params"]["allocations"][0].update(host_port=22),
        lambda plan: plan["steps"].pop(),
        lambda plan: plan.update(pivot=0),
        lambda plan: plan.update(tenant="other"),
        lambda plan: plan["basis"].update(release="9.9.9"),
        lambda plan: plan["basis"].clear(),
        lambda plan: plan["warnings"].clear(),
        lambda plan: plan.update(made_by="looma 0"),
        lambda plan: plan.update(seal=""),
        lambda plan: plan.update(seal="中文"),
        lambda plan: plan.update(digest="0" * 64),
    ],
)
def test_an_edited_file(acme: Cli, plan: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    edited(plan, change)
    assert str(plan) in refused(acme, plan)["message"]


def test_a_digest_made_anew_by_hand_does_not_help(acme: Cli, plan: Path) -> None:
    from looma_cli.adapters.plan_file import JsonPlanFiles
    from looma_cli.plan.saved import digest_of

    edited(plan, lambda document: document["steps"].pop())
    digest = digest_of(JsonPlanFiles().read(str(plan)))
    edited(plan, lambda document: document.update(digest=digest))
    assert "was changed after it was saved" in refused(acme, plan)["message"]


def test_a_file_of_another_home(acme: Cli, plan: Path) -> None:
    (acme.machine.home / "secret.key").unlink()
    acme.machine.looma()._context.world.vault.seal("a key of its own")
    assert "not saved by this installation" in refused(acme, plan)["message"]


def test_a_newer_version(acme: Cli, plan: Path) -> None:
    edited(plan, lambda document: document.update(looma_plan=2, made_by="looma 9.0", more=1))
    assert "was written by a newer looma (looma 9.0)" in refused(acme, plan)["message"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"\xff\xfe", b"[]", b"{}", b"null", b"{", b'{"looma_plan": "1"}', b'{"looma_plan": 1}', b"[" * 99_999],
    ids=["empty", "null byte", "utf-16", "list", "object", "null", "cut", "version as text", "version alone", "deep"],
)
def test_no_plan_at_all(acme: Cli, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "no-plan"
    file.write_bytes(content)
    assert refused(acme, file, code=2, error="invalid_value")["message"] == f"{file} is no saved plan"


def test_no_file(acme: Cli, tmp_path: Path) -> None:
    refused(acme, tmp_path / "missing.json", code=3, error="not_found")
    refused(acme, tmp_path, code=2, error="invalid_value")
    assert acme.json("apply", "", code=2)["error"]["code"] == "invalid_value"


def test_what_may_be_overwritten(acme: Cli, plan: Path, tmp_path: Path) -> None:
    first = plan.read_text()
    assert acme("edition", "switch", "acme", "pro", "--plan-out", str(plan)).code == 0
    assert plan.read_text() != first
    for name, content in (("notes.txt", "mine"), ("other.json", "{}"), ("empty", "")):
        (tmp_path / name).write_text(content)
        error = acme.json("edition", "switch", "acme", "pro", "--plan-out", str(tmp_path / name), code=4)["error"]
        assert error["code"] == "already_exists"
        assert (tmp_path / name).read_text() == content
    for path, code, error in ((tmp_path / "no" / "plan", 3, "not_found"), (tmp_path, 4, "already_exists")):
        assert acme.json("edition", "switch", "acme", "pro", "--plan-out", str(path), code=code)["error"]["code"] == error


def test_what_cannot_be_planned_is_not_saved(acme: Cli, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    assert acme.json("edition", "switch", "acme", "basic", "--plan-out", str(file), code=4)["error"]["code"] == "not_allowed"
    assert acme.json("edition", "switch", "acme", "nothing", "--plan-out", str(file), code=3)["error"]["code"] == "not_found"
    assert acme.json("tenant", "upgrade", "acme", "--release", "0.0.1", "--plan-out", str(file), code=3)["error"]["code"] == "not_found"
    assert not file.exists()


def test_nothing_secret_is_in_it(acme: Cli, tmp_path: Path) -> None:
    assert acme("tenant", "update", "acme", "--set", "TOKEN=hidden-from-everyone").code == 0
    file = tmp_path / "plan.json"
    assert acme("edition", "switch", "acme", "pro", "--plan-out", str(file)).code == 0
    world = acme.machine.world()
    with world.store.read() as state:
        sealed = state.secrets("acme")
    hidden = ["hidden-from-everyone", *sealed.values(), *(world.vault.open(text) for text in sealed.values())]
    assert len(hidden) > 3
    assert [text for text in hidden if text in file.read_text()] == []


def test_an_interrupted_operation_holds_the_tenant(acme: Cli, plan: Path) -> None:
    acme.prepare = lambda looma: object.__setattr__(looma._context, "stop_requested", lambda: True)
    assert acme("tenant", "restart", "acme").code == 130
    acme.prepare = lambda looma: None
    assert acme.json("apply", str(plan), code=4)["error"]["code"] == "held"
    assert acme.json("apply", str(plan), "--dry-run", code=4)["error"]["code"] == "held"
