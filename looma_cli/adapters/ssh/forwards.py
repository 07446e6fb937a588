"""Which sockets a connection has at this end and at the other: what is made again after it broke."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

Pair = tuple[str, int]
Forward = tuple[str, str]  # -L or -R, and its from:to


class Forwards:
    """Names of sockets are short: the path of one has at most 107 bytes (unix(7))."""

    ENGINE = "e"

    def __init__(self) -> None:
        self.published: dict[str, str] = {}  # socket there -> socket here
        self._names: dict[Pair, str] = {}
        self._numbers = count(1)

    def add(self, pairs: Iterable[Pair], directory: Path) -> list[Forward]:
        """Those that are new."""
        new = [pair for pair in pairs if pair not in self._names]
        self._names |= {pair: str(next(self._numbers)) for pair in new}
        return [self._local(pair, directory) for pair in new]

    def forget(self, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            self._names.pop(pair, None)

    def paths(self, pairs: Sequence[Pair], directory: Path) -> dict[Pair, str]:
        return {pair: str(directory / self._names[pair]) for pair in pairs}

    def all(self, directory: Path, engine_socket: str) -> list[Forward]:
        engine = ("-L", f"{directory / self.ENGINE}:{engine_socket}")
        published = [("-R", f"{there}:{here}") for there, here in self.published.items()]
        return [engine, *(self._local(pair, directory) for pair in self._names), *published]

    def _local(self, pair: Pair, directory: Path) -> Forward:
        address, port = pair
        return "-L", f"{directory / self._names[pair]}:{f'[{address}]' if ':' in address else address}:{port}"
