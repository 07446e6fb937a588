"""Ports and subnets that somebody else has are planned around."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from looma_cli.errors import (
    Conflict,
    NoFreePorts,
    NoFreeSubnet,
    PortTaken,
)
from tests.unit.tenants.traces import nothing_left
from tests.worlds import Machine, lite


def test_a_port_that_the_engine_refuses_is_noted_and_planned_around(machine: Machine) -> None:
    machine.engine.fail_on("start", PortTaken("port 8003 is already allocated", port=8003, address="127.0.0.1"))
    tenant: Any = machine.looma().tenants.create(lite())
    assert tenant.status == "running"
    assert all(not port.canonical for port in tenant.ports)
    states = {row.host_port: row.state for row in machine.looma().ports.list()}
    assert states[8003] == "quarantined"
    assert sorted(o.status for o in machine.looma().operations.list(all=True)) == ["done", "failed"]


def test_foreign_listeners_move_the_stack_into_a_block(machine: Machine) -> None:
    machine.daemon.foreign_ports.add(("0.0.0.0", 8003))
    tenant: Any = machine.looma().tenants.create(lite())
    assert all(not port.canonical for port in tenant.ports)
    with pytest.raises(Conflict, match="8003"):
        machine.looma().tenants.create(lite("other", "basic", ports="canonical"))


def test_edge_ports_fall_back_when_80_is_taken(machine: Machine) -> None:
    machine.daemon.foreign_ports.update({("0.0.0.0", 80), ("0.0.0.0", 443)})
    machine.looma().tenants.create(lite(hostname="acme.example.com"))
    edge = {row.component: row.host_port for row in machine.looma().ports.list() if row.tenant is None}
    assert set(edge) == {"http", "https"}
    assert not {80, 443} & set(edge.values())
    assert machine.edge.answer(edge["http"], host="acme.example.com").status == 200  # type: ignore[union-attr]


def test_no_block_and_no_subnet_left(tmp_path: Path) -> None:
    small = Machine(tmp_path / "ports", {"LOOMA_PORT_RANGE": "20000-20005"})
    with pytest.raises(NoFreePorts):
        small.looma().tenants.create(lite(ports="block"))
    assert nothing_left(small)
    tight = Machine(tmp_path / "subnets", {"LOOMA_SUBNET_POOL": "10.192.0.0/26"})
    with pytest.raises(NoFreeSubnet):
        tight.looma().tenants.create(lite())
    assert nothing_left(tight)
