"""More real networks than the engine's default address pools hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import Any

import pytest

from looma_cli.adapters.engine import EngineApi
from looma_cli.plan.subnets import choose_subnets
from looma_cli.settings import subnet_pool
from tests.engine_objects import TEST_LABEL, owner_mark

pytestmark = pytest.mark.engine

NETWORKS = 40  # the default pools end at about 30
POOL = subnet_pool("10.128.0.0/14")  # apart from looma's default, so that nobody else's tenants are in the way


@pytest.fixture
def made(engine_required: EngineApi) -> Iterator[list[str]]:
    """Ids of networks, removed after the test."""
    ids: list[str] = []
    yield ids
    for id in ids:
        engine_required.request("DELETE", f"/networks/{id}")


def cidrs_of(network: dict[str, Any]) -> list[str]:
    return [config["Subnet"] for config in network["IPAM"]["Config"] or []]


def test_forty_networks_by_the_allocators_choice_exist_at_once(engine_required: EngineApi, made: list[str]) -> None:
    before = [cidr for network in engine_required.get("/networks") for cidr in cidrs_of(network)]
    chosen = choose_subnets(NETWORKS, before, POOL)

    def make(cidr: str) -> str:
        name = f"looma-test-{os.getpid()}-{cidr.replace('/', '-')}"
        body = {"Name": name, "Labels": {TEST_LABEL: owner_mark()}, "IPAM": {"Config": [{"Subnet": cidr}]}}
        id = engine_required.post("/networks/create", body=body)["Id"]
        made.append(id)
        return id

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, chosen))
    there = {n["Id"]: n for n in engine_required.get("/networks")}
    assert sorted(cidr for id in made for cidr in cidrs_of(there[id])) == sorted(chosen)
    assert len({ip_network(cidr) for cidr in chosen}) == NETWORKS
    assert all(ip_network(cidr).subnet_of(POOL) for cidr in chosen)
    again = choose_subnets(NETWORKS, [cidr for network in there.values() for cidr in cidrs_of(network)], POOL)
    assert not set(again) & set(chosen)
