"""What is known of tenants before their state is lost and after it was made anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from looma_cli.model.tenant import Tenant
from tests.worlds import Machine

UNKNOWABLE = {"updated_at": None, "checked_at": None, "health": "unknown"}


def known(tenant: Tenant) -> Tenant:
    """Without what no trace tells; a sealed key differs each time."""
    certificate = tenant.certificate and replace(tenant.certificate, sealed_key="")
    return replace(tenant, certificate=certificate, **UNKNOWABLE)


def tenants(machine: Machine) -> list[Tenant]:
    return machine.looma().tenants.list()


def secrets(machine: Machine) -> dict[str, dict[str, str]]:
    world = machine.world()
    with world.store.read() as state:
        return {t.name: {n: world.vault.open(sealed) for n, sealed in state.secrets(t.name).items()} for t in state.tenants()}


def everything_on(machine: Machine) -> list[str]:
    daemon = machine.daemon
    return [*(f"{c.name} {c.id} {c.state}" for c in daemon.containers.values()), *daemon.networks, *daemon.volumes]


def rebuild(machine: Machine, **options: Any) -> Any:
    return machine.looma().state.rebuild(**options)


def details(report: Any) -> str:
    return "\n".join(f"{problem.tenant}: {problem.detail}" for problem in report.problems)
