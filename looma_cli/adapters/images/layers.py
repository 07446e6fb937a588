"""Which layers of an image another engine has: an engine knows a layer by all that lies below it, too. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any


def chain_ids(layers: Iterable[str]) -> Iterator[str]:
    """The identity of each layer on top of those before it, from the digests of their contents (OCI image specification, "Layer
    ChainID")."""
    chain = ""
    for layer in layers:
        chain = "sha256:" + hashlib.sha256(f"{chain} {layer}".encode()).hexdigest() if chain else layer
        yield chain


def shared(layers: Sequence[str], there: Collection[str]) -> int:
    """How many of an image's layers, from its base on, are among those that are ``there`` (chain ids)."""
    count = 0
    for chain in chain_ids(layers):
        if chain not in there:
            break
        count += 1
    return count


def omitted(parts: Sequence[str], count: int) -> frozenset[str]:
    """Those of the first ``count`` parts (one for each layer, which may be the same) that no later layer needs."""
    return frozenset(parts[:count]) - frozenset(parts[count:])


def sizes(history: Sequence[Mapping[str, Any]], layers: Sequence[str]) -> list[int] | None:
    """Bytes of each layer, from ``GET /images/{name}/history``, which also lists steps that made none; None where that leaves it open
    which are meant (a layer may be empty)."""
    found = [step["Size"] for step in reversed(history) if step["Size"]]
    return found if len(found) == len(layers) else None
