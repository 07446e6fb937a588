"""`looma status` and `looma health`: exit codes, documents and the text that people see."""

from __future__ import annotations

from tests.cli.conftest import Cli


def test_status_as_text_and_json(acme: Cli) -> None:
    fleet = acme.json("status")
    assert set(fleet) == {"tenants", "hosts", "operations", "backups", "unreachable", "summary"}
    assert fleet["summary"] == {"tenants": 1, "running": 1, "unhealthy": 0}
    contract = {"name", "url", "address", "status", "labels", "engine", "capacity", "used", "tenants", "checked_at"}
    assert contract | {"cordoned", "host_key", "declared", "measured"} == set(fleet["hosts"][0])
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
