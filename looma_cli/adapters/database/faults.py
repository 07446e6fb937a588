"""What the database's driver raises, in looma's words."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, TimeoutError

from looma_cli.errors import AlreadyExists, Conflict, Held, LoomaError, NotFound, PortTaken, StateUnusable, SubnetTaken

NO_SPACE_BYTES = 64 * 1024
BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_COLUMN = re.compile(r"failed: (\w+)\.(\w+)")


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turns what SQLAlchemy raises within into our errors. ``place`` is the file, or the URL without its password."""
    try:
        yield
    except IntegrityError as error:
        raise conflict(error) from error
    except SQLAlchemyError as error:
        raise unusable(error, place) from error


def is_busy(error: DBAPIError) -> bool:
    """Whether SQLite gave up waiting for another writer."""
    return getattr(error.orig, "sqlite_errorname", "").startswith(BUSY)


def violated(error: IntegrityError) -> str:
    """The constraint that was violated: ``foreign_key``, or ``table.column`` of its first column."""
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is None:
        match = _COLUMN.search(str(error.orig))
        return f"{match[1]}.{match[2]}" if match else "foreign_key"
    name = diagnosis.constraint_name or ""
    if name.startswith("fk_"):
        return "foreign_key"
    return _POSTGRESQL_CONSTRAINTS.get(name, f"{diagnosis.table_name}.{diagnosis.column_name}")


_POSTGRESQL_CONSTRAINTS = {
    "pk_tenants": "tenants.name",
    "uq_tenants_hostname": "tenants.hostname",
    "pk_operations": "operations.id",
    "pk_hosts": "hosts.name",
    "uq_hosts_url": "hosts.url",
    "uq_hosts_engine_id": "hosts.engine_id",
    "pk_reservations": "reservations.host",
    "uq_reservations_tenant_host": "reservations.tenant",
    "uq_operations_open_tenant": "operations.tenant",
    "uq_allocations_host_address_host_port_protocol": "allocations.host",
    "uq_subnets_host_cidr": "subnets.host",
}


def conflict(error: IntegrityError) -> LoomaError:
    """The error of a constraint that no method named more exactly."""
    constraint = violated(error)
    again = "another looma changed the state at the same moment: run the command again"
    if constraint == "foreign_key":
        return NotFound("the tenant no longer exists", "looma tenant list shows the tenants")
    if constraint in ("tenants.name", "tenants.hostname"):
        return AlreadyExists("another tenant has this name or hostname", again, constraint=constraint)
    if constraint == "operations.tenant":
        return Held("another operation of this tenant is not finished", "looma operation list shows it", constraint=constraint)
    if constraint.startswith("allocations."):
        return PortTaken("a port is allocated already", again, constraint=constraint)
    if constraint.startswith("subnets."):
        return SubnetTaken("a subnet is allocated already", again, constraint=constraint)
    return Conflict(f"the state refuses this change ({constraint})", again, constraint=constraint)


def unusable(error: SQLAlchemyError, place: str) -> StateUnusable:
    """The specific StateUnusable for a driver's error."""
    original = getattr(error, "orig", None)
    name = getattr(original, "sqlite_errorname", "")
    if name:
        return _sqlite(name, str(original), place)
    if isinstance(error, TimeoutError):
        return StateUnusable(f"no connection to the state {place} became free", "run fewer commands at once")
    if isinstance(error, DBAPIError):
        return _postgresql(original, place)
    return StateUnusable(f"the state {place} cannot be used: {_line(error)}", "looma doctor checks the state")


def _sqlite(name: str, text: str, place: str) -> StateUnusable:
    if name.startswith(BUSY):
        return StateUnusable(
            f"the state {place} is locked by another program", f"see who holds it (fuser {place}), end that program, and try again"
        )
    if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and disk_is_full(place)):
        return disk_full(place)
    if name.startswith("SQLITE_NOTADB"):
        return foreign(place, "it is no SQLite file")
    if name.startswith("SQLITE_CORRUPT"):
        return corrupt(place, text)
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return not_writable(place, text)
    return StateUnusable(f"the state {place} cannot be used: {text} ({name})", "looma doctor checks the state")


def _postgresql(original: BaseException | None, place: str) -> StateUnusable:
    state = getattr(original, "sqlstate", None)
    text = _line(original)
    if state is None and "FATAL:" in text:  # psycopg gives no code for what happens while it connects
        hint = "check user, password and database in LOOMA_DATABASE_URL; createdb makes a database"
        return StateUnusable(f"the state {place} does not let looma in: {text}", hint)
    if state is None or state.startswith(("08", "57")):
        return StateUnusable(f"the state {place} does not answer: {text}", "check LOOMA_DATABASE_URL and that PostgreSQL runs")
    if state == "55P03":
        return StateUnusable(f"the state {place} is locked by another session", "look for it in pg_stat_activity, end it, and try again")
    if state == "53100":
        return StateUnusable(f"the disk of the state {place} is full: {text}", "free some space on the database's machine")
    if state in ("42501", "25006"):
        return StateUnusable(f"the state {place} cannot be written: {text}", "grant the user CREATE and write access")
    return StateUnusable(f"the state {place} cannot be used: {text} ({state})", "looma doctor checks the state")


def disk_is_full(place: str) -> bool:
    """Whether the file system of this file has no room for another page or two."""
    try:
        return shutil.disk_usage(Path(place).parent).free < NO_SPACE_BYTES
    except OSError:
        return False


def disk_full(place: str) -> StateUnusable:
    return StateUnusable(f"the disk is full: the state {place} cannot grow", f"free some space on the file system of {Path(place).parent}")


def not_writable(place: str, why: object) -> StateUnusable:
    return StateUnusable(f"the state {place} is not writable: {why}", "set LOOMA_HOME to a folder that you may write to")


def foreign(place: str, why: str) -> StateUnusable:
    return StateUnusable(f"{place} is not a state of looma: {why}", "move the file away, or set LOOMA_HOME to another folder")


def corrupt(place: str, why: object) -> StateUnusable:
    return StateUnusable(
        f"the state {place} is corrupt: {why}", "move it away and put a copy back, or run looma state rebuild to read it from what runs"
    )


def _line(error: object) -> str:
    return " ".join(str(error).split())[:300]
