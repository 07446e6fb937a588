"""The JSON shape of a host that was emptied; see ``documents``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from looma_cli.cli.documents import Document
from looma_cli.cli.fleet_documents import result

STATUSES = ("done", "failed", "paused", "not_begun", "left_out")


def emptied(host: str, results: Mapping[str, Any], staying: Sequence[tuple[str, str]], stopped: str) -> Document:
    """``results`` by tenant; ``staying`` are those that were left where they are, each with its reason."""
    left_out = [{"name": name, "status": "left_out", "from": host, "to": None, "reason": reason} for name, reason in staying]
    tenants = [result(results[name]) for name in sorted(results)]
    statuses = [one["status"] for one in (*tenants, *left_out)]
    summary = {"tenants": len(statuses), **{status: statuses.count(status) for status in STATUSES}}
    return {"drain": {"host": host, "tenants": tenants, "left_out": left_out, "stopped": stopped or None, "summary": summary}}
