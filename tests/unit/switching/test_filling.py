"""A new datastore that cannot be filled: the error says why, and never what customers have in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from looma_cli.adapters.datastores.mysql.session import last_words
from looma_cli.errors import BackupFailed, EngineUnavailable, LoomaError, ReplicationFailed
from looma_cli.model.layer import Workload
from looma_cli.steps.filling import not_filled
from tests.worlds import Machine

DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\ntmpfs 112640 {used} {free} 99% /var/lib/mysql\n"


def mysql(machine: Machine) -> Workload:
    return next(one for one in machine.engine.workloads("acme") if one.component == "mysql")


def explained(machine: Machine, error: LoomaError, free: int, used: int = 112_000) -> LoomaError:
    def shell(command: Sequence[str], files: Mapping[str, str]) -> tuple[int | None, str]:
        return (0, DF.format(used=used, free=free)) if command[0] == "df" else (None, "")

    machine.engine.shell = shell
    machine.daemon.containers[mysql(machine).name].log += ["InnoDB: starting", "InnoDB: stopping"]
    return not_filled(machine.world(), "local", mysql(machine), ["/var/lib/mysql"], error)


def test_a_volume_without_room_is_named(machine: Machine) -> None:
    error = explained(machine, BackupFailed("the dump could not be loaded: the client ended without a word", "look"), free=640)
    assert isinstance(error, ReplicationFailed)
    assert error.message.startswith("the new mysql has no room left on /var/lib/mysql (110 MiB): the dump could not be loaded")
    assert "make room" in error.hint
    assert error.details["log"] == ["InnoDB: starting", "InnoDB: stopping"]


@pytest.mark.parametrize("words", ["ERROR 1114 (HY000) at line 7: The table 'big' is full", "tar: x: No space left on device"])
def test_a_server_that_says_so_is_believed(machine: Machine, words: str) -> None:
    error = explained(machine, BackupFailed(f"the dump could not be loaded: {words}", "look"), free=90_000, used=22_000)
    assert error.message == f"the new mysql has no room left: the dump could not be loaded: {words}"


def test_a_server_that_ended_over_it_says_so_in_its_log(machine: Machine) -> None:
    lines = ["[ERROR] InnoDB: preallocating bytes failed with error 28", *(f"register {number}" for number in range(90))]
    machine.daemon.containers[mysql(machine).name].log += lines
    error = explained(machine, BackupFailed("the client ended without a word", "look"), free=90_000, used=22_000)
    assert "has no room left" in error.message
    assert error.details["log"] == lines[:1]


def test_any_other_reason_stays_what_it_is(machine: Machine) -> None:
    given = BackupFailed("the dump could not be loaded: ERROR 1062", "look")
    assert explained(machine, given, free=90_000, used=22_000) is given
    assert given.details["log"] == ["InnoDB: starting", "InnoDB: stopping"]
    gone = EngineUnavailable("no engine", "start it")
    assert explained(machine, gone, free=0) is gone


class Ended:
    """A client that has ended with that on its standard error."""

    def __init__(self, errors: str) -> None:
        self._errors = errors

    def errors(self) -> str:
        return self._errors


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ("--------------\nINSERT INTO `people` VALUES ('secret')\n--------------\n\nERROR 1114 (HY000) at line 9: full\n", "ERROR 1114"),
        ("mariadb-dump: Error 2013: Lost connection", "mariadb-dump: Error 2013"),
        ("neither mariadb nor mysql is there", "neither mariadb nor mysql is there"),
        ("--------------\nINSERT INTO `people` VALUES ('secret", "the client ended without a word"),
        ("secret')," + "('secret'),\n" * 40, "the client ended without a word"),
        ("x" * 10_000, "x" * 300),
        ("", "the client ended without a word"),
    ],
)
def test_last_words_are_the_servers_and_not_a_customers(errors: str, words: str) -> None:
    found = last_words(Ended(errors))  # type: ignore[arg-type]
    assert found.startswith(words)
    assert "secret" not in found
    assert len(found) <= 300
