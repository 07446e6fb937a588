"""How much was written to a server so far, by its binary log's own numbering."""

from __future__ import annotations

import re

from looma_cli.adapters.datastores.mysql.client import Client
from looma_cli.adapters.datastores.mysql.session import opened

QUESTION_SECONDS = 10


def written(client: Client) -> int:
    """Transactions. MariaDB numbers them per domain (``0-1-270``), MySQL per server (``uuid:1-5:8``)."""
    with opened(client, idle_seconds=QUESTION_SECONDS, mark="") as session:
        if session.version.mariadb:
            return sum(int(one.rpartition("-")[2]) for one in session.value("SELECT @@gtid_current_pos").split(",") if one)
        intervals = re.findall(r":(\d+)(?:-(\d+))?", session.value("SELECT @@gtid_executed"))
        return sum(int(last or first) - int(first) + 1 for first, last in intervals)
