"""How much was written to a server so far, by its own statistics."""

from __future__ import annotations

from looma_cli.adapters.datastores.redis.access import Access
from looma_cli.adapters.datastores.redis.session import information


def written(access: Access) -> int:
    """Calls of commands that may write."""
    with access.session() as session:
        writing = session.call("COMMAND", "LIST", "FILTERBY", "ACLCAT", "write")
        names = {name.decode() if isinstance(name, bytes) else name for name in writing}
        calls = {name.removeprefix("cmdstat_"): text for name, text in information(session, "commandstats").items()}
    return sum(_calls(text) for name, text in calls.items() if name.partition("|")[0] in names)


def _calls(text: str) -> int:
    """Of ``calls=3,usec=14,…``."""
    return int(dict(pair.split("=", 1) for pair in text.split(","))["calls"])
