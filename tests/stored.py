"""What the datastores of a tenant on fakes hold: put in and looked at by its present data layer."""

from __future__ import annotations

from tests.worlds import Machine

STORES = ("mysql", "redis", "postgresql")


def volume(machine: Machine, tenant: str, store: str) -> str:
    generation = machine.looma().tenants.show(tenant).data_generation
    return f"looma-{tenant}-data-g{generation}_{store}-data"


def fill(machine: Machine, tenant: str, **rows: str) -> None:
    """The same rows into every datastore."""
    for store in STORES:
        machine.stores.replace(volume(machine, tenant, store), {"records": dict(rows)})


def held(machine: Machine, tenant: str) -> dict[str, dict[str, str]]:
    """Rows by datastore; one that holds nothing is empty."""
    return {store: machine.stores.tables(volume(machine, tenant, store)).get("records", {}) for store in STORES}
