"""What would change: a unified diff of two rendered files."""

from __future__ import annotations

from difflib import unified_diff


def difference(deployed: str | None, rendered: str, name: str) -> str:
    """Unified diff from what is deployed (None: nothing yet) to what would be written; empty when nothing changes."""
    before = (deployed or "").splitlines(keepends=True)
    after = rendered.splitlines(keepends=True)
    start = f"deployed/{name}" if deployed is not None else "/dev/null"
    return "".join(unified_diff(before, after, start, f"rendered/{name}"))
