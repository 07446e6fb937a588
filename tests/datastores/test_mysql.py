"""MariaDB, restored into a second server: what was there, exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from looma_cli.adapters.datastores.mysql import MysqlDatastore
from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import BackupFailed, Unhealthy
from looma_cli.model.backup import Fingerprint
from looma_cli.model.layer import Workload
from tests.datastores.mysql_data import ALL_BYTES, AWKWARD
from tests.datastores.mysql_server import SETTINGS, differences, driver, opening, run, saved
from tests.datastores.servers import PASSWORD, engine, running

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Saved:
    streams: dict[str, bytes]
    fingerprint: Fingerprint


@pytest.fixture(scope="module")
def source(engine_required: EngineApi) -> Iterator[Workload]:
    with running(engine_required, "mysql") as workload:
        driver(workload)
        run(workload, AWKWARD)
        yield workload


@pytest.fixture(scope="module")
def backup(source: Workload) -> Saved:
    with driver(source).moment() as moment:
        moment.release()
        return Saved(saved(moment), moment.fingerprint())


@pytest.fixture(scope="module")
def target(engine_required: EngineApi, backup: Saved) -> Iterator[Workload]:
    """A server that has got the backup."""
    with running(engine_required, "mysql") as workload:
        driver(workload).restore(opening(backup.streams), lambda text: None)
        yield workload


READS = (
    "SELECT * FROM looma.people ORDER BY id",
    "SELECT shy, HEX(name), HEX(note), HEX(upper_name) FROM looma.people ORDER BY id",
    "SELECT id, MD5(data), LENGTH(data), HEX(bits), HEX(fixed), document, ST_AsText(place) FROM looma.bytes ORDER BY id",
    "SELECT id, word FROM looma.history FOR SYSTEM_TIME ALL ORDER BY row_start, id",
    "SELECT * FROM looma.keyless ORDER BY word",
    "SELECT * FROM looma.parts PARTITION (old)",
    "SELECT * FROM looma.old_engine",
    "SELECT HEX(`空`) FROM `odd ``name``. of; it`.`a ``table``. with 'all'; \"of\"` ORDER BY 1",
    "SELECT * FROM `-dashes`.across ORDER BY 1, 2",
    "SELECT * FROM looma.a_on_view ORDER BY id",
    "CALL looma.fill(3); CALL looma.`quoted name`()",
    "SHOW CREATE EVENT looma.nightly",
    "SELECT definer FROM information_schema.views ORDER BY table_name",
    "SELECT schema_name, default_collation_name FROM information_schema.schemata ORDER BY 1",
    "SELECT user, host, priv FROM mysql.global_priv WHERE user NOT IN ('root', 'mariadb.sys') ORDER BY 1, 2",
    "SELECT user, host, role, admin_option FROM mysql.roles_mapping ORDER BY 1, 2, 3",
    "SHOW GRANTS FOR reader@'10.%'",
    "SHOW GRANTS FOR PUBLIC",
)


@pytest.mark.parametrize("query", READS)
def test_what_is_awkward_comes_back(source: Workload, target: Workload, query: str) -> None:
    answer = run(source, f"{query};\n")
    assert answer
    if "global_priv" in query:
        answer, found = (_without_times(text) for text in (answer, run(target, f"{query};\n")))
        assert found == answer
    else:
        assert run(target, f"{query};\n") == answer


def _without_times(text: str) -> str:
    return re.sub(r'"(password_last_changed|version_id)": ?\d+,?', "", text)


def test_the_restored_server_has_the_dumps_fingerprint(target: Workload, backup: Saved) -> None:
    assert differences(backup.fingerprint, driver(target).fingerprint(backup.fingerprint)) == []
    names = {part.name for part in backup.fingerprint.parts}
    assert {"table looma.people", "views of looma", "triggers of looma", "accounts", "sequence looma.tickets"} <= names


def test_every_byte_was_there(target: Workload) -> None:
    assert run(target, "SELECT HEX(data) FROM looma.bytes WHERE id = 1;\n").lower() == ALL_BYTES


def test_triggers_fire_in_their_order(target: Workload) -> None:
    assert (
        run(
            target,
            "START TRANSACTION; INSERT INTO looma.people (id, name) VALUES (77, ' x '); SELECT name FROM looma.people WHERE id = 77;\n",
        )
        == "x!"
    )


def test_a_restored_account_logs_in(target: Workload) -> None:
    assert run(target, "SELECT COUNT(*) FROM looma.people;\n", user="looma") == "3"


CHANGES = {
    "UPDATE looma.people SET seen = '9999-12-31 23:59:59.999998' WHERE id = 1": "table looma.people: other content in 3 rows",
    "UPDATE looma.bytes SET data = CONCAT(data, X'00') WHERE id = 3": "table looma.bytes: other content in 3 rows",
    "INSERT INTO looma.keyless VALUES ('same', 1)": "table looma.keyless: 4 rows instead of 3",
    "ALTER TABLE looma.nothing ADD INDEX (id)": "tables of looma: other content in 10 rows",
    "DROP EVENT looma.often": "events of looma: 1 rows instead of 2",
    "ALTER VIEW looma.z_base AS SELECT id, name, 1 AS doubled FROM looma.people": "views of looma: other content in 2 rows",
    "SET PASSWORD FOR looma@'%' = PASSWORD('other')": "accounts: other content in 14 rows",
    "REVOKE INSERT ON looma.people FROM `odd role`": "accounts: other content in 14 rows",
}


def test_a_fingerprint_sees_every_change_and_a_second_restore_takes_all_of_them_back(target: Workload, backup: Saved) -> None:
    store = driver(target)
    store.restore(opening(backup.streams), lambda text: None)
    run(target, "".join(f"{change};\n" for change in CHANGES) + "CREATE DATABASE later; CREATE USER later; CREATE ROLE later_role;\n")
    found = differences(backup.fingerprint, store.fingerprint())
    wanted = {*CHANGES.values(), "accounts: 16 rows instead of 14"} - {"accounts: other content in 14 rows"}
    assert {line for line in found if "later" not in line} == wanted
    store.restore(opening(backup.streams), lambda text: None)
    assert differences(backup.fingerprint, store.fingerprint()) == []


def test_a_restore_goes_on_after_one_that_was_cut_short(target: Workload, backup: Saved) -> None:
    store = driver(target)

    @contextmanager
    def cut() -> Iterator[Iterator[bytes]]:
        yield broken()

    def broken() -> Iterator[bytes]:
        yield backup.streams["data"][:9_000_000]
        raise BackupFailed("the repository is gone", "")

    with pytest.raises(BackupFailed, match="the repository is gone"):
        store.restore({**opening(backup.streams), "data": cut}, lambda text: None)
    store.restore(opening(backup.streams), lambda text: None)
    assert differences(backup.fingerprint, store.fingerprint()) == []


def test_a_dump_that_a_server_refuses_says_why(target: Workload, backup: Saved) -> None:
    streams = opening({**backup.streams, "data": b"CREATE DATABASE half;\nUSE half;\nNONSENSE;\n"})
    with pytest.raises(BackupFailed, match=r"could not be loaded: ERROR 1064 .* 'NONSENSE'"):
        driver(target).restore(streams, lambda text: None)
    driver(target).restore(opening(backup.streams), lambda text: None)


def test_a_dump_without_its_end_is_no_restore(target: Workload, backup: Saved) -> None:
    end = backup.streams["data"].rindex(b"\n-- Dump completed")
    streams = {**backup.streams, "data": backup.streams["data"][:end]}
    with pytest.raises(BackupFailed, match="not complete"):
        driver(target).restore(opening(streams), lambda text: None)
    driver(target).restore(opening(backup.streams), lambda text: None)


def test_a_restore_leaves_the_servers_settings_as_they_were(target: Workload) -> None:
    assert run(target, "SELECT @@GLOBAL.max_allowed_packet, @@GLOBAL.net_write_timeout, @@GLOBAL.read_only;\n").split() == [
        "16777216",
        "60",
        "0",
    ]


def test_the_server_says_what_it_is(source: Workload) -> None:
    information = driver(source).probe()
    assert (information.engine, information.version.split("-")[1]) == ("mariadb", "MariaDB")


def test_a_wrong_account_is_not_ready_and_unhealthy(source: Workload) -> None:
    store = MysqlDatastore(engine(), source, {**SETTINGS, "user": "nobody"})
    assert not store.ready()
    with pytest.raises(Unhealthy, match=r"Access denied for user 'nobody'@'localhost'"):
        store.probe()


def test_a_missing_password_file_is_named(source: Workload) -> None:
    with pytest.raises(Unhealthy, match="/nowhere"):
        MysqlDatastore(engine(), source, {**SETTINGS, "password_file": "/nowhere"}).probe()


def test_no_password_is_in_a_command_line_or_in_what_the_engine_knows(source: Workload, engine_required: EngineApi) -> None:
    with driver(source).moment() as moment:
        moment.release()
        lines = engine().execute(source, ["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"])[1]
        execs = engine_required.get(f"/containers/{source.id}/json")["ExecIDs"]
        known = [str(engine_required.get(f"/exec/{id}/json")) for id in execs]
    assert "--single-transaction" in lines
    assert PASSWORD not in lines
    assert known
    assert not [text for text in known if PASSWORD in text]
