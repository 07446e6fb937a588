"""The state of a real tenant, lost and made anew from what runs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from looma_cli.errors import Unhealthy
from tests.integration.homes import Home, new_tenant

pytestmark = [pytest.mark.engine, pytest.mark.slow]

UNKNOWABLE = ("updated_at", "checked_at", "health")


def comparable(tenant: dict[str, Any]) -> dict[str, Any]:
    """Without what no trace tells."""
    return {name: value for name, value in tenant.items() if name not in UNKNOWABLE}


def lose_state(home: Home) -> None:
    for path in home.path.glob("looma.db*"):
        path.unlink()


def rebuild(home: Home) -> dict[str, Any]:
    return home.json("state", "rebuild", "--installation", home.installation, "--yes")


def record(url: str) -> dict[str, str]:
    answer = httpx.get(f"{url}/records/kept", timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["stores"]


def test_a_lost_state_comes_back_and_the_tenant_lives_on(home: Home) -> None:
    name = new_tenant("lost")
    created = home.create(name, "--hostname", f"{name}.example.com", "--display-name", "失物 $1", "--set", "GREETING=a $b 'c'")
    httpx.post(f"{created['url']}/records", json={"key": "kept", "value": "still here"}, timeout=30).raise_for_status()
    before, kept = home.json("tenant", "show", name), record(created["url"])
    there = {container["Id"] for container in home.containers()}
    (home.path / "stacks" / name / "app-g1" / "compose.yaml").unlink()
    lose_state(home)

    assert home.json("tenant", "list") == {"tenants": []}
    assert home.json("state", "rebuild", "--installation", home.installation, "--dry-run")["plan"]["changes"][-1].startswith(
        f"+ tenant {name}"
    )
    report = rebuild(home)
    assert (report["installation"], [t["name"] for t in report["rebuilt"]]) == (home.installation, [name])
    assert report["skipped"] == report["problems"] == []
    assert comparable(home.json("tenant", "show", name)) == comparable(before)
    assert {container["Id"] for container in home.containers()} == there
    assert home.json("health", name)["healthy"]
    assert home.json("state", "audit") == {"ok": True, "missing": [], "unknown": []}
    assert record(created["url"]) == kept

    home.json("tenant", "stop", name)
    lose_state(home)
    assert [t["status"] for t in rebuild(home)["rebuilt"]] == ["stopped"]
    assert home.json("tenant", "start", name)["status"] == "running"
    assert record(created["url"]) == kept
    assert home("state", "rebuild", "--installation", "ffffffffffff", "--yes").code not in (0, Unhealthy.exit_code)
    home.delete(name)
    home.assert_nothing_left()
