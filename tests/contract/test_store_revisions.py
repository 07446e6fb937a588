"""Creating, migrating and refusing states of other revisions."""

from __future__ import annotations

import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from looma_cli.adapters.database import columns, generate_schema, revisions, tables
from looma_cli.adapters.database.store import DatabaseStore, database_at
from looma_cli.adapters.database.upgrade import MIGRATIONS, migrate
from looma_cli.errors import StateTooNew, StateUnusable
from looma_cli.model.operation import StepRecord
from looma_cli.model.protocols import State
from tests.contract import races
from tests.contract.conftest import Database
from tests.factories import NOW
from tests.fakes.clock import FakeClock

FIRST_STATE = Path(__file__).parents[1] / "fixtures" / "state-revision-1.db"
LATER = NOW + timedelta(hours=2)
COPY = "looma.db.before-0005-20260102T050405Z"


@pytest.fixture
def old_home(tmp_path: Path) -> Path:
    shutil.copy(FIRST_STATE, tmp_path / "looma.db")
    return tmp_path


def new_database_at_revision(database: Database, revision: str) -> None:
    """An empty state, made by walking the migrations."""
    adapter = database_at(database.url)
    if database.url.startswith("sqlite"):
        path = Path(database.url.removeprefix("sqlite:///"))
        path.parent.mkdir()
        path.touch()
    with adapter.migrating() as connection:
        migrate(connection, revision)
        connection.execute(text("INSERT INTO installation VALUES (1, '0123456789ab', '2026-01-02 03:04:05')"))
    adapter.close()


# what the tables are
def configured(**attributes: object) -> Config:
    configuration = Config(attributes=attributes)
    configuration.set_main_option("script_location", str(MIGRATIONS))
    configuration.set_main_option("path_separator", "os")
    return configuration


def test_the_revisions_are_those_of_the_migrations() -> None:
    scripts = ScriptDirectory.from_config(configured())
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(revisions.REVISIONS))
    assert scripts.get_heads() == [revisions.HEAD]


def described(connection: Connection) -> dict[str, Any]:
    """Everything about the tables that the database can tell, in an order of its own."""
    inspector = inspect(connection)
    schema = {}
    for table in sorted(inspector.get_table_names()):
        found = [{**column, "type": str(column["type"])} for column in inspector.get_columns(table)]
        schema[table] = {
            "columns": sorted(found, key=lambda column: column["name"]),
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": inspector.get_foreign_keys(table),
            "unique": sorted(inspector.get_unique_constraints(table), key=str),
            "checks": inspector.get_check_constraints(table),
            "indexes": sorted(map(_index, inspector.get_indexes(table)), key=str),
        }
    return schema


def _index(index: Any) -> dict[str, Any]:
    """With the condition of a partial index as text."""
    return {**index, "dialect_options": {name: str(value) for name, value in index.get("dialect_options", {}).items()}}


def test_a_created_schema_is_the_migrated_one(database: Database, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with database.store().connection() as connection:
        created = described(connection)
    if database.url.startswith("sqlite"):
        other = Database(f"sqlite:///{tmp_path / 'other' / 'looma.db'}")
    else:
        other = Database(request.getfixturevalue("postgresql_server").new_database())
    new_database_at_revision(other, "head")
    with other.store().connection() as connection:
        assert described(connection) == created
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), tables.METADATA)
    other.close()
    assert differences == []
    assert len(created) == 17


def test_queries_see_the_tables_as_they_are_declared() -> None:
    declared = {name: [(c.name, repr(c.type)) for c in table.columns] for name, table in tables.METADATA.tables.items()}
    seen = {table.name: [(c.name, repr(c.type)) for c in table.columns] for table in columns.ALL}
    assert seen == declared


def test_the_generated_statements_are_up_to_date() -> None:
    assert generate_schema.GENERATED.read_text(encoding="utf-8") == generate_schema.source(), "make schema writes it again"


def test_the_page_about_the_state_names_every_table_and_revision() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "state.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (.+?)\n(.+?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert re.findall(r"^\| `(\w+)`", sections["Tables"], re.MULTILINE) == [*tables.METADATA.tables, "alembic_version"]
    assert tuple(re.findall(r"^\| `(\w+)`", sections["Revisions"], re.MULTILINE)) == revisions.REVISIONS


def test_the_migrations_can_be_walked_back(database: Database) -> None:
    new_database_at_revision(database, "head")
    adapter = database_at(database.url)
    with adapter.migrating() as connection:
        migrated = described(connection)
        command.downgrade(configured(connection=connection), "0001")
        assert "stack_files" not in described(connection)
        migrate(connection, "head")
        assert described(connection) == migrated
        command.downgrade(configured(connection=connection), "base")
        assert list(described(connection)) == ["alembic_version"]
    adapter.close()


# an older state
def assert_rows_of_revision_1(state: State) -> None:
    assert state.installation() == "0123456789ab"
    acme = state.tenant("acme")
    assert (acme.display_name, acme.settings, acme.hostname) == ("Acme 有限公司", {"LOG_LEVEL": "debug"}, "acme.example")
    assert acme.certificate is not None
    assert acme.certificate.sealed_key == "sealed"
    assert [(port.component, port.host_port, port.canonical) for port in acme.ports] == [
        ("basic-server", 8000, True),
        ("mysql", 3307, True),
    ]
    assert [subnet.cidr for subnet in acme.subnets] == ["10.192.0.0/26"]
    assert [tenant.name for tenant in state.tenants(platform=True)] == ["looma-core"]
    assert state.edge_ports("local") == {"http": 80}
    assert state.secrets("acme") == {"mysql_password": "gAAAA-sealed"}
    assert [operation.id for operation in state.operations()] == ["op-2", "op-1"]
    assert state.operation("op-1").steps[0] == StepRecord("reserve-tenant", "done", NOW, 12, "18 ports")
    lease = state.lease("tenant:acme")
    assert lease is not None
    assert (lease.holder.pid, lease.operation, lease.child) == (4711, "op-2", None)
    assert state.host("local").engine == {"version": "20.10.24"}
    assert state.health("acme") == []


def test_a_state_of_revision_1_is_copied_then_migrated_and_keeps_its_rows(old_home: Path, new_sqlite: Callable[[Path], Database]) -> None:
    store = new_sqlite(old_home / "looma.db").store(FakeClock(LATER))
    with store.write() as state:
        assert_rows_of_revision_1(state)
        state.save_file("acme", "override.yaml", "{}")
    assert store.upgraded == revisions.Upgrade("0001", "0005", str(old_home / COPY))
    assert (store.revision(), store.check()) == ("0005", [])
    assert sorted(path.name for path in old_home.iterdir() if not path.name.endswith(("-wal", "-shm"))) == ["looma.db", COPY]


def test_the_copy_is_the_whole_state_as_it_was(old_home: Path, new_sqlite: Callable[[Path], Database]) -> None:
    new_sqlite(old_home / "looma.db").store(FakeClock(LATER)).prepare()
    assert stat.S_IMODE((old_home / COPY).stat().st_mode) == 0o600
    original = f"{FIRST_STATE.as_uri()}?immutable=1"
    with closing(sqlite3.connect(original, uri=True)) as before, closing(sqlite3.connect(old_home / COPY)) as copy:
        assert list(copy.iterdump()) == list(before.iterdump())
        assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)


def test_a_current_state_is_opened_as_it_is(old_home: Path, new_sqlite: Callable[[Path], Database]) -> None:
    new_sqlite(old_home / "looma.db").store(FakeClock(LATER)).prepare()
    again = new_sqlite(old_home / "looma.db").store(FakeClock(LATER + timedelta(days=1)))
    with again.read() as state:
        assert_rows_of_revision_1(state)
    assert again.upgraded is None
    assert len(list(old_home.glob("*.before-*"))) == 1


def test_a_migration_that_fails_changes_nothing(old_home: Path, new_sqlite: Callable[[Path], Database]) -> None:
    path = old_home / "looma.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE stack_files (in_the_way TEXT)")  # the last thing that revision 2 makes
    with closing(sqlite3.connect(path)) as connection:
        before = list(connection.iterdump())
    with pytest.raises(StateUnusable, match="stack_files"):
        new_sqlite(path).store().prepare()
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before
        connection.execute("DROP TABLE stack_files")
    with new_sqlite(path).store().read() as state:
        assert_rows_of_revision_1(state)


@pytest.mark.slow
def test_many_processes_migrate_an_old_state_once(old_home: Path, new_sqlite: Callable[[Path], Database]) -> None:
    assert races.race(races.open_only, f"sqlite:///{old_home / 'looma.db'}") == ["0123456789ab"] * 32
    assert len(list(old_home.glob("looma.db.before-*"))) == 1
    with new_sqlite(old_home / "looma.db").store().read() as state:
        assert_rows_of_revision_1(state)


@pytest.mark.engine
def test_on_postgresql_the_copy_is_a_schema(postgresql_server: Any) -> None:
    database = Database(postgresql_server.new_database())
    new_database_at_revision(database, "0001")
    store = database.store(FakeClock(LATER))
    with store.read() as state:
        assert state.installation() == "0123456789ab"
    assert store.upgraded == revisions.Upgrade("0001", "0005", "schema before_0005_20260102t050405z")
    with store.connection() as connection:
        copied = connection.exec_driver_sql("SELECT id FROM before_0005_20260102t050405z.installation").scalar_one()
        assert "stack_files" not in inspect(connection).get_table_names(schema="before_0005_20260102t050405z")
    database.close()
    assert copied == "0123456789ab"


# a newer state
def test_a_newer_state_is_refused_and_left_alone(database: Database) -> None:
    adapter = database_at(database.url)
    DatabaseStore(adapter, FakeClock()).prepare()
    with adapter.migrating() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0099'")
    adapter.close()
    with pytest.raises(StateTooNew, match=r"newer looma \(revision 0099, this one knows 0005\)") as caught, database.store().read():
        pytest.fail("a newer state was opened")
    assert "install the newer release" in caught.value.hint
    with database_at(database.url).reading() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "0099"


# what is imported
def modules_after(code: str) -> set[str]:
    answer = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


OPEN = "from pathlib import Path; from looma_cli.adapters.database import open_store"


def test_making_and_opening_a_state_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    use = f"{OPEN}\nwith open_store(Path({str(tmp_path)!r})).write() as state: state.tenants()"
    created, opened = modules_after(use), modules_after(use)
    assert "looma_cli.adapters.database.schema" in created - opened
    assert {"alembic", "tenacity", "psycopg", "sqlmodel", "sqlalchemy.orm", "pydantic", "cryptography"}.isdisjoint(created | opened)


def test_making_a_store_touches_nothing(tmp_path: Path) -> None:
    modules = modules_after(f"{OPEN}\nopen_store(Path({str(tmp_path / 'home')!r}))")
    assert "looma_cli.adapters.database.state" not in modules
    assert not (tmp_path / "home").exists()
