"""Hosts that cannot be reached: said at once with what to do, an error line and never an omission, and nothing is deleted or forgotten."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.integration.homes import LITE, new_tenant, wait_until
from tests.integration.hosts.operators import Operator
from tests.rig import Host, faults

pytestmark = [pytest.mark.engine, pytest.mark.slow]
WELL_SECONDS = 120  # each service has two seconds for an answer, which is little where others make tenants
Fault = Callable[[Host], AbstractContextManager[Any]]
FAULTS = {
    "it shows another key": faults.another_host_key,
    "it asks for a password": faults.asking_for_passwords,
    "its sshd is stopped": faults.without_sshd,
    "it answers nothing": faults.cut_off,
    "its engine is dead": faults.without_engine,
}


@pytest.fixture(scope="module")
def host(operator: Operator) -> Host:
    return operator.rig.hosts[0]


@pytest.fixture(scope="module")
def tenant(operator: Operator, host: Host) -> str:
    """Running there while the host comes and goes."""
    name = new_tenant("un")
    operator.looma.create(name, "--host", host.name)
    return name


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_nobody_is_left_out_and_nothing_is_touched(operator: Operator, host: Host, tenant: str, fault: Fault) -> None:
    there = operator.on(host)
    with fault(host):
        checked, status, health, created = operator.at_once(
            ("host", "check", host.name),
            ("status", "--live"),
            ("health", "--all"),
            ("tenant", "create", new_tenant("no"), *LITE, "--host", host.name),
        )
    assert checked.code == 5, checked
    assert "failed" in {check["status"] for check in checked.document["hosts"][0]["checks"]}
    assert status.code == 0, status
    assert {one["name"]: one["status"] for one in status.document["hosts"]} == {
        "local": "ready", "h1": "unreachable", "h2": "ready", "h3": "ready",
    }  # fmt: skip
    assert [(one["name"], one["status"]) for one in status.document["tenants"]] == [(tenant, "running")]
    assert health.code == 5, health
    assert [(one["name"], one["healthy"]) for one in health.document["tenants"]] == [(tenant, False)]
    assert created.code == 7, created
    assert operator.on(host) == there
    assert operator.looma.tenants() == [tenant]
    if fault is faults.without_engine:  # Docker has stopped all that ran on, and starts none of it
        operator.looma.json("tenant", "restart", tenant)
    wait_until(lambda: operator.looma("health", tenant).code == 0, WELL_SECONDS, "a tenant that is well")
    assert operator.looma.json("state", "audit")["ok"]


def test_a_changed_key_is_refused_with_both_fingerprints(operator: Operator, host: Host) -> None:
    pinned = host.fingerprint
    with faults.another_host_key(host) as offered:
        said = operator.findings(host, code=5)["connection"]["detail"]
        assert pinned in said
        assert offered in said
        assert operator.findings(host, "--host-key", offered)["connection"]["status"] == "ok"
    operator.findings(host, "--host-key", pinned)


def test_how_to_be_let_in_without_a_password_is_said(operator: Operator, host: Host) -> None:
    with faults.asking_for_passwords(host):
        assert "ssh-copy-id" in operator.findings(host, code=5)["connection"]["hint"]


def test_a_delete_waits_for_the_host_and_can_be_taken_back(operator: Operator, host: Host, tenant: str) -> None:
    there = operator.on(host)
    with faults.without_sshd(host):
        (paused,) = operator.at_once(("tenant", "delete", tenant, "--no-backup", "--yes"))
        assert paused.code == 8, paused
        (operation,) = operator.looma.json("operation", "list")["operations"]
        assert operation["status"] == "paused"
        assert operator.on(host) == there
    assert operator.looma.json("operation", "rollback", operation["id"])["status"] == "rolled_back"
    assert operator.looma.json("tenant", "show", tenant)["status"] == "running"
    assert operator.looma.json("health", tenant)["healthy"]
