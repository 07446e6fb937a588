"""What tenants leave on a machine."""

from __future__ import annotations

from tests.worlds import Machine


def containers(machine: Machine, state: str = "running") -> set[str]:
    return {c.service for c in machine.daemon.containers.values() if c.state == state and c.service != "init" and c.project}


def nothing_left(machine: Machine) -> bool:
    return not (machine.left_on_engine() or machine.left_in_state() or machine.left_in_files())
