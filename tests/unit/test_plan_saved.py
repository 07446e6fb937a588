"""What moved since a plan was saved, in words; and what it chose that is no longer free."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from looma_cli.model.codec import encode
from looma_cli.model.host import Host
from looma_cli.model.operation import Plan
from looma_cli.model.switch import StoreSeen
from looma_cli.model.tenant import Allocation, Certificate, KeptLayer, LayerReference, Subnet, Tenant
from looma_cli.plan.observation import HostObservation
from looma_cli.plan.saved import Surroundings, Taken, basis_of, moved, no_longer_free
from looma_cli.steps.generations import ReserveGeneration
from looma_cli.steps.tenants import ReserveEdgePorts
from tests.worlds import CATALOG

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACME = Tenant("acme", "Acme", "basic", "1.4.1", "lite", "local", "running", None, 20000, "192.0.2.1", NOW, NOW)
BASIC, PRO = CATALOG.edition("basic"), CATALOG.edition("pro")
STORES = (StoreSeen("mysql", True), StoreSeen("weaviate", False, 12_034))
AROUND = Surroundings(BASIC, PRO, None, "aa", "1.0", (1, 47), "registry.test", ("looma/init",), "/backups/acme", STORES)
KEPT = KeptLayer(LayerReference("acme", "app", 1), "local", NOW, "edition.switch")
SEEN = HostObservation(Host("local", "local", "192.0.2.1"), frozenset(), (), (1, 47), NOW)


def basis(tenant: Tenant = ACME, kept: Any = (), edge: Any = None, around: Surroundings = AROUND) -> dict[str, str]:
    return basis_of(tenant, kept, edge or {}, "0123456789ab", around)


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (basis(replace(ACME, release="1.4.2")), "release: 1.4.1 -> 1.4.2"),
        (basis(replace(ACME, hostname="crm.example")), "hostname: none -> crm.example"),
        (basis(replace(ACME, data_generation=2)), "data generation: 1 -> 2"),
        (basis(replace(ACME, settings={"A": "1"})), "settings changed"),
        (basis(replace(ACME, certificate=Certificate("chain", "sealed"))), "certificate changed"),
        (basis(kept=[KEPT]), "kept layers: none -> looma-acme-app-g1"),
        (basis(edge={"http": 80, "https": 443}), "edge ports: none -> http 80, https 443"),
        (basis(around=replace(AROUND, source=replace(BASIC, title="Other"))), "manifest of basic changed"),
        (basis(around=replace(AROUND, target=replace(PRO, components=PRO.components[1:]))), "manifest of pro changed"),
        (basis(around=replace(AROUND, override="services: {}")), "override.yaml changed"),
        (basis(around=replace(AROUND, templates="bb")), "templates changed"),
        (basis(around=replace(AROUND, looma="1.1")), "looma: 1.0 -> 1.1"),
        (basis(around=replace(AROUND, api=(1, 48))), "engine API: 1.47 -> 1.48"),
        (basis(around=replace(AROUND, backups="/other")), "backup repository changed"),
        (
            basis(around=replace(AROUND, stores=(StoreSeen("mysql", False), STORES[1]))),
            "datastores: mysql follows, weaviate is copied -> mysql is copied, weaviate is copied",
        ),
        (basis(around=replace(AROUND, stores=(STORES[0], StoreSeen("weaviate", False, 0)))), "left behind: weaviate -> none"),
    ],
)
def test_each_thing_that_moved_is_named(now: dict[str, str], line: str) -> None:
    assert moved(basis(), now) == [line]


@pytest.mark.parametrize(
    "tenant",
    [
        replace(ACME, health="unhealthy", checked_at=NOW + timedelta(1)),
        replace(ACME, last_backup=NOW, last_proof=NOW),
        replace(ACME, updated_at=NOW + timedelta(1)),
        replace(ACME, ports=(Allocation("local", "127.0.0.1", 20001, "tcp", "acme", "app", 9, "kept", 80, False),)),
    ],
)
def test_what_may_change(tenant: Tenant) -> None:
    assert moved(basis(), basis(tenant)) == []


def test_more_rows_in_what_is_left_behind_are_agreed_to() -> None:
    more = replace(AROUND, stores=(STORES[0], StoreSeen("weaviate", False, 12_035)))
    assert moved(basis(), basis(around=more)) == []


def test_datastores_that_could_not_be_asked_again_are_not_told() -> None:
    assert moved(basis(), basis(replace(ACME, status="stopped"), around=replace(AROUND, stores=None))) == ["status: running -> stopped"]


# --- still free -------------------------------------------------------------------------------------------------------

ROWS = [Allocation("local", "127.0.0.1", 20014, "tcp", "acme", "data", 2, "mysql", 3306, False)]
SUBNETS = [Subnet("local", "10.192.0.64/27", "acme", "data", 2, "looma-acme-data-g2")]
PLAN = Plan(
    "edition.switch",
    "acme",
    (
        ReserveGeneration("acme", [["data", 2]], encode(ROWS), encode(SUBNETS)).planned(),
        ReserveEdgePorts("acme", "local", 80, 443).planned(),
    ),
    1,
)
FREE = Taken((), (), (), ())


def others(port: int, tenant: str | None = "b", state: str = "bound", protocol: str = "tcp") -> Taken:
    row = Allocation("local", "127.0.0.1", port, protocol, tenant, "app", 1, "x", 80, False, state)
    return replace(FREE, allocations=[row])


@pytest.mark.parametrize(
    ("taken", "lines"),
    [
        (FREE, []),
        (others(20015), []),
        (others(20014, protocol="udp"), []),
        (others(20014), ["host port 20014 was taken by tenant b"]),
        (others(443, None), ["host port 443 was taken by the edge"]),
        (others(20014, None, "quarantined"), ["host port 20014 was taken by something that is not looma's"]),
        (
            replace(FREE, subnets=[Subnet("local", "10.192.0.0/24", "b", "app", 1, "looma-b-app-g1")]),
            ["subnet 10.192.0.64/27 was taken by tenant b"],
        ),
        (replace(FREE, layers=[LayerReference("acme", "data", 2)]), ["looma-acme-data-g2 is there already"]),
        (replace(FREE, layers=[LayerReference("acme", "app", 2)]), []),
    ],
)
def test_what_the_state_has_by_now(taken: Taken, lines: list[str]) -> None:
    assert no_longer_free(PLAN, taken, SEEN) == lines


def test_what_the_host_has_by_now() -> None:
    seen = replace(SEEN, listening=frozenset({("tcp", 80), ("udp", 20014)}), networks=("10.192.0.64/28", "fd00::/64"))
    assert no_longer_free(PLAN, FREE, seen) == [
        "host port 80 is in use on local by something that is not looma's",
        "subnet 10.192.0.64/27 was taken by a network on local that is not looma's",
    ]
