"""Snapshots and their tags, as restic writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

from looma_cli.errors import BackupFailed
from looma_cli.model.backup import RepositorySnapshot, Retention, SavedStream

HOST = "looma"  # the host name of all its snapshots: others in the same repository are neither listed nor forgotten
_PLAIN = ":/+@"


def encoded(tags: Mapping[str, str]) -> str:
    """As one --tag option, which stands for all of them. restic splits at commas and strips blanks, so those are percent-encoded."""
    return ",".join(f"{quote(name, safe=_PLAIN)}={quote(value, safe=_PLAIN)}" for name, value in sorted(tags.items()))


def file_name(name: str) -> str:
    """A stream's name as a file's in the root of its snapshot: restic 0.18 takes no folders from --stdin-filename."""
    return name.replace("%", "%25").replace("/", "%2F")


def tag_options(tags: Mapping[str, str] | None) -> list[str]:
    return ["--tag", encoded(tags)] if tags else []


def at_option(at: datetime) -> list[str]:
    """restic reads local time, which is UTC for it here, in whole seconds."""
    return ["--time", f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"]


def retention_options(retention: Retention) -> list[str]:
    """Empty when nothing is asked for."""
    counts = {"last": retention.last, "hourly": retention.hourly, "daily": retention.daily, "weekly": retention.weekly}
    options = [word for name, count in counts.items() if count for word in (f"--keep-{name}", str(count))]
    return options + (["--keep-within", retention.within] if retention.within else [])


def listed(output: str) -> list[RepositorySnapshot]:
    """From ``snapshots --json``, oldest first."""
    return sorted((_snapshot(found) for found in json_list(output)), key=lambda snapshot: (snapshot.at, snapshot.id))


def _snapshot(found: Mapping[str, Any]) -> RepositorySnapshot:
    path = (found.get("paths") or [""])[0]
    at = datetime.fromisoformat(found["time"]).astimezone(UTC).replace(microsecond=0)
    tags = dict(_tag(tag) for tag in found.get("tags") or [])
    return RepositorySnapshot(found["id"], unquote(path.removeprefix("/")), at, tags)


def _tag(tag: str) -> tuple[str, str]:
    name, _, value = tag.partition("=")
    return unquote(name), unquote(value)


def kept_ids(output: str) -> list[str]:
    """From ``forget --dry-run --json``."""
    return [found["id"] for group in json_list(output) for found in group.get("keep") or []]


def copies(output: str) -> set[str]:
    """From ``snapshots --json``: the ids there, and those of the snapshots they are copies of."""
    return {found[key] for found in json_list(output) for key in ("id", "original") if found.get(key)}


def json_list(output: str) -> list[dict[str, Any]]:
    """The one list among the lines; empty where restic wrote null or nothing."""
    line = next((line for line in output.splitlines() if line.startswith("[")), "[]")
    return json.loads(line)


def saved(name: str, output: str) -> SavedStream:
    """From ``backup --json -vv``; ``stored_bytes`` is after compression and encryption, without packs' headers. Raises BackupFailed.

    Since 0.17 the summary has it (data_added_packed); before, the lines on single items do, but for the root directory's few hundred
    bytes. The summary's data_added is before compression.
    """
    summary, stored = None, 0
    for line in output.splitlines():
        found = _message(line)
        if found.get("message_type") == "summary":
            summary = found
        elif found.get("message_type") == "verbose_status":
            stored += int(found.get("data_size_in_repo", 0)) + int(found.get("metadata_size_in_repo", 0))
    if summary is None or not summary.get("snapshot_id"):
        raise BackupFailed(f"restic does not say under which name it saved {name}", "try again")
    size = int(summary["total_bytes_processed"])
    return SavedStream(name, summary["snapshot_id"], size, int(summary.get("data_added_packed", stored)))


def _message(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
