"""A follower's own side of replication: what the server says of it, and the statements that MySQL and MariaDB have different words for.

Positions are a log file's name and an offset in it, which both families have without further settings. Sources: MariaDB's and MySQL's
references, "CHANGE MASTER TO", "CHANGE REPLICATION SOURCE TO", "SHOW REPLICA STATUS".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from looma_cli.adapters.datastores.mysql.session import Session
from looma_cli.adapters.datastores.mysql.text import Row, literal

PORT = 3306
RETRY_SECONDS = 1
# What the leader answers to one that keeps asking: no such host is allowed, no such database right, wrong password (or no account).
_REFUSALS = ("1130", "1044", "1045")
# Columns of SHOW REPLICA STATUS by their place: the first 38 are the same in both, under different names.
_RECEIVING, _APPLYING, _APPLIED_FILE, _APPLIED_OFFSET = 10, 11, 9, 21
_RECEIVING_NUMBER, _RECEIVING_ERROR, _APPLYING_ERROR = 34, 35, 37


@dataclass(frozen=True, slots=True)
class Status:
    """Of the two threads: one receives the leader's log, the other applies it."""

    columns: Row

    def covers(self, position: Mapping[str, str]) -> bool:
        return _place(self.columns[_APPLIED_FILE], self.columns[_APPLIED_OFFSET]) >= _place(position["file"], position["position"])

    @property
    def problem(self) -> str:
        """Why waiting is of no use; empty where it is. A leader that does not answer may come back."""
        if self.columns[_APPLYING] != "Yes":
            return self.columns[_APPLYING_ERROR] or "nothing applies what comes over"
        if self.columns[_RECEIVING] == "No" or self.columns[_RECEIVING_NUMBER] in _REFUSALS:
            return self.columns[_RECEIVING_ERROR] or "nothing receives what the leader writes"
        return ""


def _place(file: str, offset: str) -> tuple[int, int]:
    """Log files are numbered; before the first event there is none."""
    number = file.rpartition(".")[2]
    return (int(number) if number.isdigit() else 0, int(offset))


def status(session: Session) -> Status | None:
    """None for a server that follows nobody."""
    found = session.rows("SHOW REPLICA STATUS")
    return Status(found[0]) if found else None


def forget_leader(session: Session) -> None:
    """Nor does it begin again when the server is started again."""
    if status(session):
        session.each(["STOP REPLICA", "RESET REPLICA ALL"])


def begin(session: Session, address: str, user: str, password: str, position: Mapping[str, str]) -> None:
    """From that position of the leader's log on. MySQL sends a password over a plain connection only under the leader's public key."""
    mariadb = session.version.mariadb
    statement, word = ("CHANGE MASTER TO", "MASTER") if mariadb else ("CHANGE REPLICATION SOURCE TO", "SOURCE")
    settings = {
        "HOST": literal(address),
        "PORT": str(PORT),
        "USER": literal(user),
        "PASSWORD": literal(password),
        "LOG_FILE": literal(position["file"]),
        "LOG_POS": position["position"],
        "CONNECT_RETRY": str(RETRY_SECONDS),
        **({"USE_GTID": "no"} if mariadb else {}),
    }
    given = [f"{word}_{name} = {value}" for name, value in settings.items()] + ["GET_SOURCE_PUBLIC_KEY = 1"] * (not mariadb)
    session.each([f"{statement} {', '.join(given)}", "START REPLICA"])


def empty_log(session: Session) -> str:
    """The statement by which the server's own binary log begins anew."""
    return "RESET MASTER" if session.version.mariadb else "RESET BINARY LOGS AND GTIDS"
