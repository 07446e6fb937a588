"""`edition switch --rehearse`: the whole switch on a shadow, of which nothing is left and which nobody has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.stored import fill, held

SHADOW = "looma-scratch-"


def told(command: Sequence[str], files: Mapping[str, str]) -> tuple[int | None, str]:
    """What containers say of themselves: 2 MiB on disk, 3 MiB of memory in use."""
    if command[0] == "du":
        return None, "2048\t/var/lib/data\ndu: cannot read directory '/x': Permission denied\n"
    return (None, "4194304\nanon 5\ninactive_file 1048576\n") if command[0] == "sh" and "cgroup" in command[2] else (None, "")


@pytest.fixture
def filled(acme: Cli) -> Cli:
    fill(acme.machine, "acme", a="first", b="second")
    acme.machine.engine.shell = told
    acme.machine.daemon.memory_bytes = 64 << 30
    return acme


def nothing_left(cli: Cli) -> bool:
    """Of any shadow: on the engine, in the state, in files."""
    machine = cli.machine
    left = [*machine.left_on_engine(), *machine.left_in_state(), *machine.left_in_files()]
    return [name for name in left if SHADOW in name] == [] and cli.json("state", "audit")["ok"]


def operations(cli: Cli) -> list[tuple[str, str]]:
    return sorted((one["kind"], one["status"]) for one in cli.json("operation", "list", "--all")["operations"])


def test_it_says_what_the_real_one_will_need_and_touches_nothing(filled: Cli) -> None:
    before = filled.json("tenant", "show", "acme"), held(filled.machine, "acme"), filled.json("port", "list")
    found = filled.json("edition", "switch", "acme", "pro", "--rehearse")["rehearsal"]
    backup = filled.json("backup", "list")["backups"][0]
    assert (found["tenant"], found["from"], found["to"], found["backup"]) == ("acme", "basic", "pro", backup["id"])
    assert (found["rows"], found["warnings"] != []) == (6, True)
    containers = filled.machine.catalog.edition("pro").of_profile("lite")
    with_volumes = [c for c in containers if c.volumes]
    assert found["memory_bytes"] == len(containers) * (3 << 20)
    assert found["disk_bytes"] == len(with_volumes) * (2 << 20)
    assert found["duration_ms"] >= found["write_freeze_ms"] >= 0
    after = filled.json("tenant", "show", "acme")
    assert ({**after, "last_backup": None}, held(filled.machine, "acme"), filled.json("port", "list")) == before
    assert operations(filled) == [("backup.create", "done"), ("edition.rehearse", "done"), ("tenant.create", "done")]
    assert filled.machine.edge.routes() == ["acme"]
    assert nothing_left(filled)


def test_it_says_how_long_migrate_took_whatever_the_limit(filled: Cli) -> None:
    filled.machine.engine.jobs.seconds["api-gateway"] = 48
    found = filled.json("edition", "switch", "acme", "pro", "--rehearse")["rehearsal"]
    assert found["migrate_ms"] == 48_000
    assert found["write_freeze_ms"] >= 48_000
    assert "migrate took 48.0 s and --freeze-limit allows 30 s: the switch would be put back" in found["warnings"]
    found = filled.json("edition", "switch", "acme", "pro", "--rehearse", "--freeze-limit", "1m")["rehearsal"]
    assert not any("would be put back" in warning for warning in found["warnings"])
    assert filled.json("edition", "switch", "acme", "pro", "--data", "reuse", "--rehearse")["rehearsal"]["migrate_ms"] == 48_000


def test_the_freeze_is_what_lies_between(filled: Cli) -> None:
    """Promoting takes three seconds here, and starting the stacks much longer."""
    engine, clock = filled.machine.engine, filled.machine.clock
    ordinary = engine.start

    def slow(layer: Any) -> None:
        clock.sleep(60)
        ordinary(layer)

    engine.start = slow  # type: ignore[method-assign]
    stores = filled.machine.stores
    opened = stores.open

    def slowly(host: str, workload: Any, component: Any) -> Any:
        store = opened(host, workload, component)
        promote = store.promote

        def promoted() -> None:
            clock.sleep(3)
            promote()

        store.promote = promoted
        return store

    stores.open = slowly  # type: ignore[method-assign]
    found = filled.json("edition", "switch", "acme", "pro", "--rehearse")["rehearsal"]
    assert 3_000 <= found["write_freeze_ms"] < 15_000
    assert 120_000 <= found["duration_ms"] < 240_000


def test_a_young_backup_will_do(filled: Cli) -> None:
    id = filled.json("backup", "create", "acme")["id"]
    filled.machine.clock.sleep(1800)
    assert filled.json("edition", "switch", "acme", "pro", "--rehearse")["rehearsal"]["backup"] == id
    filled.machine.clock.sleep(1801)
    assert filled.json("edition", "switch", "acme", "pro", "--rehearse")["rehearsal"]["backup"] != id
    assert len(filled.json("backup", "list")["backups"]) == 2
    assert nothing_left(filled)


def test_services_alone_freeze_nothing(filled: Cli) -> None:
    found = filled.json("edition", "switch", "acme", "pro", "--data", "reuse", "--rehearse")["rehearsal"]
    assert found["write_freeze_ms"] == 0
    assert nothing_left(filled)


def test_a_suspended_tenant(filled: Cli) -> None:
    assert filled("tenant", "suspend", "acme").code == 0
    assert filled.json("edition", "switch", "acme", "pro", "--rehearse")["rehearsal"]["write_freeze_ms"] == 0
    assert filled.json("tenant", "show", "acme")["status"] == "suspended"
    assert nothing_left(filled)


def test_with_settings_and_an_override(filled: Cli) -> None:
    assert filled("tenant", "update", "acme", "--set", "COLOUR=blue").code == 0
    (filled.machine.home / "stacks" / "acme" / "override.yaml").write_text("services: {}\n")
    assert filled("edition", "switch", "acme", "pro", "--rehearse").code == 0
    assert nothing_left(filled)


def test_for_people(filled: Cli) -> None:
    done = filled("edition", "switch", "acme", "pro", "--rehearse", terminal=True)
    assert done.code == 0
    for text in ("acme: basic -> pro, rehearsed", "writes wait", "memory", "rows", "the shadow is gone"):
        assert text in done.out
    assert "Next: looma edition switch acme pro" in done.err


def test_what_the_containers_do_not_tell(filled: Cli) -> None:
    filled.machine.engine.shell = lambda command, files: (127, "not found") if told(command, files)[1] else (None, "")
    found = filled.json("edition", "switch", "acme", "pro", "--rehearse")["rehearsal"]
    assert (found["disk_bytes"], found["memory_bytes"]) == (None, None)
    assert any("disk and memory" in warning for warning in found["warnings"])
    assert "not known" in filled("edition", "switch", "acme", "pro", "--rehearse").out


def test_a_dry_run_plans_and_changes_nothing(filled: Cli) -> None:
    first = filled.json("edition", "switch", "acme", "pro", "--rehearse", "--dry-run")["plan"]
    assert (first["kind"], filled.json("backup", "list")["backups"]) == ("edition.rehearse", [])
    filled.json("backup", "create", "acme")
    before = operations(filled)
    second = filled.json("edition", "switch", "acme", "pro", "--rehearse", "--dry-run")["plan"]
    names = [step["name"] for step in second["steps"]]
    assert names[0] == "reserve-tenant"
    assert names[-1] == "forget-tenant"
    assert [name for name in names if "edge" in name or name in ("apply-route", "set-route-mode", "check-route")] == []
    assert operations(filled) == before
    assert nothing_left(filled)


def test_a_failure_is_told_and_leaves_nothing(filled: Cli) -> None:
    filled.json("backup", "create", "acme")
    pro, basic = ({c.name for c in filled.machine.catalog.edition(name).of_profile("lite")} for name in ("pro", "basic"))
    filled.machine.health.unhealthy[min(pro - basic)] = "not well"
    result = filled("edition", "switch", "acme", "pro", "--rehearse", "-o", "json")
    assert (result.code, result.error["code"]) == (1, "operation_failed")
    assert ("edition.rehearse", "failed") in operations(filled)
    filled.machine.health.unhealthy.clear()
    assert nothing_left(filled)
    assert filled.json("tenant", "show", "acme")["status"] == "running"


def test_what_the_switch_would_refuse_is_refused_before_anything_is_done(filled: Cli) -> None:
    before = operations(filled)
    refused = ((("acme", "basic"), 4), (("acme", "nothing"), 3), (("nobody", "pro"), 3), (("acme", "pro", "--release", "0.0.1"), 3))
    for arguments, code in refused:
        assert filled("edition", "switch", *arguments, "--rehearse").code == code
    assert filled("edition", "switch", "acme", "pro", "--rehearse", "--plan-out", "x.json").code == 2
    assert operations(filled) == before
    assert filled.json("backup", "list")["backups"] == []


def test_no_room_for_the_shadow(filled: Cli) -> None:
    components = [c for name in ("basic", "pro") for c in filled.machine.catalog.edition(name).of_profile("lite")]
    both = sum(c.resources["lite"].memory_bytes for c in components)
    filled.machine.daemon.memory_bytes = 2 * (both - (1 << 20))
    assert filled("edition", "switch", "acme", "pro", "--dry-run").code == 0
    error = filled.json("edition", "switch", "acme", "pro", "--rehearse", code=4)["error"]
    assert error["message"] == "local has no room for a shadow of acme and the layers beside it: 1 MiB of memory are missing"
    assert filled.json("backup", "list")["backups"] == []
    assert nothing_left(filled)


def test_what_an_interrupted_one_left_goes_with_the_next(filled: Cli) -> None:
    filled.json("backup", "create", "acme")
    asked = iter([False] * 25)
    filled.prepare = lambda looma: object.__setattr__(looma._context, "stop_requested", lambda: next(asked, True))
    assert filled("edition", "switch", "acme", "pro", "--rehearse").code == 130
    filled.prepare = lambda looma: None
    left = [name for name in filled.machine.left_on_engine() if SHADOW in name]
    assert left != []
    assert [tenant["name"] for tenant in filled.json("tenant", "list")["tenants"]] == ["acme"]
    assert filled.json("health")["healthy"]
    assert filled("edition", "switch", "acme", "pro", "--rehearse").code == 0
    assert [one for one in operations(filled) if one[0] == "edition.rehearse"] == [
        ("edition.rehearse", "done"),
        ("edition.rehearse", "rolled_back"),
    ]
    assert nothing_left(filled)


def test_it_can_be_put_back_by_hand(filled: Cli) -> None:
    filled.json("backup", "create", "acme")
    asked = iter([False] * 25)
    filled.prepare = lambda looma: object.__setattr__(looma._context, "stop_requested", lambda: next(asked, True))
    assert filled("edition", "switch", "acme", "pro", "--rehearse").code == 130
    filled.prepare = lambda looma: None
    (operation,) = filled.json("operation", "list")["operations"]
    assert filled.json("operation", "rollback", operation["id"], "--yes")["status"] == "rolled_back"
    assert nothing_left(filled)
