"""The tables as queries see them: names and types of columns, nothing else.

``tables.py`` declares the same tables with SQLModel, constraints included; it is imported only to migrate a state, and to write
``schema.py``, since SQLModel costs more time than a whole ``tenant list`` may take. A test holds both together, column by column.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Float, Integer, TableClause, Text, column, table, text

from looma_cli.adapters.database.types import FreeText, UtcDateTime
from looma_cli.model.operation import OPEN_STATUSES

_TYPES: dict[str, Any] = {
    "text": Text(),
    "free": FreeText(),
    "number": Integer(),
    "long": BigInteger(),
    "float": Float(),
    "flag": Boolean(),
    "time": UtcDateTime(),
    "json": JSON(none_as_null=True),
}


# As the partial index says it, word for word: with parameters in their place SQLite would not use the index.
IS_OPEN = text(f"status IN {OPEN_STATUSES!r}")


def _table(name: str, columns: str) -> TableClause:
    """``columns``: names in the order of the table, each with ``:type`` unless it is text."""
    pairs = [item.partition(":") for item in columns.split()]
    return table(name, *(column(key, _TYPES[kind or "text"]) for key, _, kind in pairs))


INSTALLATION = _table("installation", "number:number id created_at:time")
HOSTS = _table(
    "hosts",
    "name url address status labels:json engine:json capacity:json used:json checked_at:time host_key cordoned:flag declared:json"
    " engine_id",
)
TENANTS = _table(
    "tenants",
    "name display_name edition release profile host status hostname public_port:number address created_at:time updated_at:time"
    " data_generation:number app_generation:number port_policy images health checked_at:time last_backup:time platform:flag"
    " settings:json certificate sealed_key last_proof:time",
)
ALLOCATIONS = _table(
    "allocations",
    "id:number host address host_port:number protocol tenant layer generation:number component container_port:number canonical:flag state",
)
QUARANTINED_PORTS = _table("quarantined_ports", "host address host_port:number protocol expires_at:time")
SUBNETS = _table("subnets", "id:number host cidr tenant layer generation:number name")
SECRETS = _table("secrets", "tenant name sealed")
OPERATIONS = _table("operations", "id kind tenant host status plan:json started_at:time finished_at:time direction result:json error:free")
STEPS = _table("operation_steps", "operation position:number name status started_at:time duration_ms:long detail:free")
LEASES = _table(
    "leases",
    "resource owner machine pid:number process_started:long operation why:free acquired_at:time expires_at:time"
    " child:number child_started:long",
)
HEALTH = _table("health_results", "tenant position:number component kind state healthy:flag latency_ms:float detail:free checked_at:time")
STACK_FILES = _table("stack_files", "tenant name text updated_at:time")
BACKUPS = _table(
    "backups",
    "id tenant kind created_at:time edition release location size_bytes:long stored_bytes:long datastores:json missing:json"
    " verified_at:time restore_ms:long problem:free",
)
SCHEDULES = _table("schedules", "name specification:json installed_at:time")
KEPT_LAYERS = _table("kept_layers", "tenant layer generation:number host keep_until:time reason record:json")
RESERVATIONS = _table("reservations", "host sequence:number tenant memory_bytes:long disk_bytes:long")
VERSION = _table("alembic_version", "version_num")
ALL = (INSTALLATION, HOSTS, TENANTS, ALLOCATIONS, QUARANTINED_PORTS, SUBNETS, SECRETS, OPERATIONS, STEPS, LEASES, HEALTH, STACK_FILES)
ALL += (BACKUPS, SCHEDULES, KEPT_LAYERS, RESERVATIONS)
