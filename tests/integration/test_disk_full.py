"""A new data layer that runs out of room while it is filled: the switch or restore is undone, says why, and the old one serves on."""

from __future__ import annotations

from pathlib import Path

import pytest

from looma_cli.adapters.engine import EngineApi
from tests.integration.homes import Home, new_tenant
from tests.integration.records import Clients
from tests.integration.test_switch_real import Customer, assert_nobody_noticed

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.exhaustive]
MEBIBYTES = 120  # of rows; a fresh server takes some 50
SMALL = """\
volumes:
  mysql-data:
    driver: local
    driver_opts: {type: tmpfs, device: tmpfs, o: "size=110m"}
"""
ROWS = f"CREATE TABLE looma.big (t LONGBLOB); INSERT INTO looma.big SELECT REPEAT(MD5(RAND()), 32768) FROM seq_1_to_{MEBIBYTES}"
QUERY = 'MYSQL_PWD=$(cat /run/secrets/mysql_root_password) exec mysql -uroot -e "$0" looma'


def filled(home: Home, name: str) -> Customer:
    acme = Customer(home, name)
    filling = home("tenant", "exec", acme.name, "mysql", "--", "sh", "-c", QUERY, ROWS)
    assert filling.code == 0, filling
    return acme


def override(home: Home, acme: Customer) -> Path:
    return home.path / "stacks" / acme.name / "override.yaml"


def test_a_full_disk_while_restoring_leaves_the_present_serving(home: Home, clean_engine: EngineApi) -> None:
    acme = filled(home, new_tenant("fr"))
    backup = home.json("backup", "create", acme.name)["id"]
    override(home, acme).write_text(SMALL)
    with Clients(acme.url, "full-") as clients:
        clients.wait_for(3)
        error = home.json("backup", "restore", acme.name, backup, "--yes", code=1)["error"]
        clients.wait_for(len(clients.acknowledged) + 3)
    assert set(clients.reads) == {200}
    assert set(clients.writes) <= {201, 503}
    assert "everything was put back" in error["message"]
    assert len(error["message"]) < 500, "the rows that did not fit are not in it"
    acme.assert_whole("basic")
    acme.assert_has(clients)
    assert not [name for name in home.on_engine(acme.name) if "-g2" in name]

    override(home, acme).unlink()
    home.json("backup", "restore", acme.name, backup, "--yes")
    acme.assert_whole("basic")
    home.delete(acme.name)
    home.assert_nothing_left()


def test_a_full_disk_while_seeding_leaves_the_old_edition_serving(home: Home, clean_engine: EngineApi) -> None:
    acme = filled(home, new_tenant("fu"))
    override(home, acme).write_text(SMALL)  # the present volume stays what it is
    with Clients(acme.url, "full-") as clients:
        clients.wait_for(3)
        error = home.json("edition", "switch", acme.name, "pro", "--no-backup", code=1)["error"]
        clients.wait_for(len(clients.acknowledged) + 3)
    assert_nobody_noticed(clients)
    assert error["message"].startswith("the new mysql has no room left")
    assert "everything was put back" in error["message"]
    assert len(error["message"]) < 500, "the rows that did not fit are not in it"
    acme.assert_whole("basic")
    acme.assert_has(clients)
    assert not [name for name in home.on_engine(acme.name) if "-g2" in name]

    override(home, acme).unlink()
    home.json("edition", "switch", acme.name, "pro", "--no-backup", "--keep", "0s")
    acme.assert_whole("pro")
    acme.assert_has(clients)
    home.delete(acme.name)
    home.assert_nothing_left()
