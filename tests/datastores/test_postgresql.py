"""The PostgreSQL driver on real servers: a dump brings everything back, again and again, whatever was there before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import BackupFailed, Unhealthy
from looma_cli.model.backup import Fingerprint
from looma_cli.model.layer import Workload
from tests.datastores import postgresql_data as data
from tests.datastores.postgresql_data import fill, sql
from tests.datastores.postgresql_servers import SETTINGS, Saved, readers, saved, started, store
from tests.datastores.servers import write_text

pytestmark = pytest.mark.engine
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = '"Sales Dept"."Order ""1"" x"'


@pytest.fixture(scope="module")
def source(engine_required: EngineApi) -> Iterator[Workload]:
    with started(engine_required) as server:
        fill(server)
        yield server


@pytest.fixture(scope="module")
def dump(source: Workload) -> Saved:
    return saved(store(source))


@pytest.fixture(scope="module")
def target(engine_required: EngineApi) -> Iterator[Workload]:
    with started(engine_required, password="another-one") as server:
        yield server


@pytest.fixture(scope="module")
def restored(target: Workload, dump: Saved) -> Workload:
    store(target).restore(readers(dump.streams), lambda text: None)
    return target


def parts(fingerprint: Fingerprint) -> list[tuple[str, int, str]]:
    return [(part.name, part.rows, part.checksum) for part in fingerprint.parts]


def test_restored_server_has_the_fingerprint_of_the_dump(dump: Saved, restored: Workload) -> None:
    found = store(restored).fingerprint(dump.fingerprint)
    assert dump.fingerprint.differences(found, NOW) == []
    assert parts(found) == parts(dump.fingerprint)
    assert found.digest == dump.fingerprint.digest


def test_fingerprint_names_what_it_compares(dump: Saved) -> None:
    found = {part.name: part for part in dump.fingerprint.parts}
    assert found[f"table looma.{ORDERS}"].rows == 3
    assert found["table looma.public.events"].rows == 3  # its partitions together
    assert found["table looma.public.items"].rows == 499
    assert found["large objects looma"].rows == 4
    assert found["sequence looma.public.down"].at_least
    assert found["sequence looma.public.down"].rows == 14  # 50 down to 37: nextval gave 40 and 37
    assert found["definitions looma policy"].rows == 1
    assert found[f"table {data.SECOND}.public.accents"].rows == 2


# Not asked by the driver's own means: each gives the same text on both servers.
QUESTIONS = (
    f"SELECT * FROM {ORDERS} ORDER BY id",
    "SELECT id, encode(vector_send(embedding), 'hex'), half, label FROM items ORDER BY id",
    "SELECT tableoid::regclass, * FROM events ORDER BY id",
    "SELECT tableoid::regclass, a, b FROM parent ORDER BY a",
    "SELECT loid, encode(lo_get(loid), 'hex') FROM (SELECT oid AS loid FROM pg_largeobject_metadata) o ORDER BY loid",
    "SELECT rolname, rolpassword, rolconnlimit, rolvaliduntil, rolsuper FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1",
    "SELECT roleid::regrole, member::regrole, grantor::regrole, admin_option FROM pg_auth_members ORDER BY 1, 2",
    "SELECT setrole::regrole::text, setconfig FROM pg_db_role_setting WHERE setdatabase = 0 ORDER BY 1",
    "SELECT datname, datdba::regrole, pg_encoding_to_char(encoding), datcollate, datistemplate, datconnlimit FROM pg_database ORDER BY 1",
    "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname IN ('items', 'parent') ORDER BY 1",
    "SELECT last_value, is_called FROM down UNION ALL SELECT last_value, is_called FROM untouched",
    "SELECT husband, wife FROM husbands h JOIN wives w ON w.id = h.wife",
    "SELECT n FROM totals",
    "SELECT relispopulated FROM pg_class WHERE relname = 'never'",
    "SELECT enumlabel FROM pg_enum ORDER BY enumsortorder",
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_restored_server_answers_alike(source: Workload, restored: Workload, question: str) -> None:
    expected = "499\n" if question == "SELECT n FROM totals" else sql(source, question)  # the view was stale: it is made anew
    assert expected
    assert sql(restored, question) == expected


def test_restored_accounts_log_in_with_their_passwords(restored: Workload) -> None:
    login = """PGPASSWORD="it's a \\secret" exec psql -h 127.0.0.1 -U "App User" -d looma -XAtc "SHOW search_path" """
    assert write_text(restored, ["sh", "-c", login], "") == '"$user", "Sales Dept", public, "a,b"\n'
    login = 'PGPASSWORD="$(cat /run/secrets/postgres_password)" exec psql -h 127.0.0.1 -U looma -d looma -XAtc "SELECT 1" 2>&1'
    assert "password authentication failed" in write_text(restored, ["sh", "-c", f"({login}) || :"], "")  # of another server
    assert store(restored).ready()


def test_restored_database_goes_on_where_it_was(restored: Workload) -> None:
    added = sql(restored, f"INSERT INTO {ORDERS} (t) VALUES ('new') RETURNING id, \"T\"; DELETE FROM {ORDERS} WHERE t = 'new';")
    assert added == "115|new\n"
    nearest = "SET enable_seqscan = off; SELECT id FROM items ORDER BY embedding <-> (SELECT embedding FROM items WHERE id = 7) LIMIT 1"
    assert sql(restored, nearest) == "7\n"


def test_restore_again_after_a_cut_one_and_over_other_things(restored: Workload, dump: Saved) -> None:
    archive = dump.streams["database-looma"]
    cut = {**dump.streams, "database-looma": archive[: len(archive) // 2]}
    with pytest.raises(BackupFailed, match="database looma could not be restored"):
        store(restored).restore(readers(cut), lambda text: None)
    sql(restored, 'CREATE ROLE stranger; CREATE DATABASE "left over" IS_TEMPLATE true OWNER stranger;', "template1")
    sql(restored, "ALTER ROLE looma SET work_mem = '7MB'; GRANT SET ON PARAMETER work_mem TO stranger;", "template1")
    assert store(restored).ready()
    store(restored).restore(readers(dump.streams), lambda text: None)
    assert parts(store(restored).fingerprint()) == parts(dump.fingerprint)


@pytest.mark.parametrize(("stream", "length"), [("globals", 400), ("database-looma", 3), ("database-looma", -1), ("database-looma", 0)])
def test_a_cut_stream_never_restores_as_if_whole(restored: Workload, dump: Saved, stream: str, length: int) -> None:
    wanted = {"globals": dump.streams["globals"], "database-looma": dump.streams["database-looma"]}
    with pytest.raises(BackupFailed):
        store(restored).restore(readers({**wanted, stream: wanted[stream][:length]}), lambda text: None)


def test_a_dump_without_its_roles_is_refused_before_anything_is_removed(source: Workload) -> None:
    with pytest.raises(BackupFailed, match="lacks its roles"):
        store(source).restore({}, lambda text: None)
    assert sql(source, "SELECT count(*) FROM items") == "499\n"


CHANGES = (
    ("UPDATE items SET label = CASE id WHEN 1 THEN 'item 2' ELSE 'item 1' END WHERE id IN (1, 2)", "table looma.public.items"),
    ("UPDATE events SET body = 'other' WHERE id = 3", "table looma.public.events"),
    (f"UPDATE {ORDERS} SET amount = 1.1 WHERE amount = 1.10", f"table looma.{ORDERS}"),
    ("SELECT lo_put(4244, 4000, 'y')", "large objects looma"),
    ("CREATE OR REPLACE FUNCTION parent_ids() RETURNS TABLE (id int) LANGUAGE sql STABLE AS 'SELECT 101'", "definitions looma function"),
    ("DROP INDEX items_ivfflat", "definitions looma index"),
    ('REVOKE SELECT (label) ON items FROM "App User"', "definitions looma acl"),
    ("ALTER ROLE readers PASSWORD 'x'", "roles"),
    ("ALTER SEQUENCE untouched MAXVALUE 100", "sequence looma.public.untouched"),
    ("ALTER SEQUENCE down RESTART WITH 41", "sequence looma.public.down"),
    ("REFRESH MATERIALIZED VIEW never", "materialized views looma"),
    ("ALTER TABLE items ENABLE TRIGGER stamp", "definitions looma trigger"),
    ("COMMENT ON COLUMN items.label IS 'other'", "definitions looma comment"),
)


def test_fingerprint_notices_every_change(source: Workload) -> None:
    """Runs last: it leaves the source changed."""
    before = store(source).fingerprint()
    sql(source, ";\n".join(change for change, _ in CHANGES) + ";")
    different = {line.split(":")[0] for line in before.differences(store(source).fingerprint(), NOW)}
    assert different == {name for _, name in CHANGES} | {"definitions looma sequence"}


def test_probe_and_ready_of_a_server(source: Workload) -> None:
    information = store(source).probe()
    assert (information.engine, information.version.partition(".")[0]) == ("postgresql", "15")
    assert store(source).ready()
    nobody = store(source, {**SETTINGS, "user": "nobody"})
    assert not nobody.ready()
    with pytest.raises(Unhealthy, match='role "nobody" does not exist'):
        nobody.probe()
    with pytest.raises(BackupFailed, match='role "nobody" does not exist'), nobody.moment():
        pass
