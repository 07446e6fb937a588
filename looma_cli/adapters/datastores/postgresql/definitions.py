"""Definitions of a database, as ``pg_dump --schema-only`` prints them: whatever a dump can hold is compared, and nothing else.

Its output is a row of entries (``-- Name: records; Type: TABLE; ...``). Each is hashed by itself and the hashes of a type are added, for
the order of entries may depend on object ids.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from looma_cli.model.backup import FingerprintPart

END = b"-- PostgreSQL database dump complete"
_ENTRY = re.compile(rb"-- Name: .*; Type: (.*); Schema: .*; Owner: .*")
# Guards of recent releases with a random key, and settings that pg_dump prints wherever they change.
_PASSING = (b"\\restrict ", b"\\unrestrict ", b"SET default_tablespace ", b"SET default_table_access_method ")
_UNORDERED = {b"TABLE", b"ACL", b"DEFAULT ACL"}  # columns after a late INHERIT, grants: listed by age
# An expression is printed anew from its parsed form, and a restored one with its casts and parentheses elsewhere:
# x::text = ANY ((ARRAY['a'::varchar])::text[]) becomes x::text = ANY (ARRAY[('a'::varchar)::text]).
_CAST = re.compile(
    rb"::(?:character varying|double precision|bit varying|time(?:stamp)?(?:\(\d\))? with(?:out)? time zone|"
    rb'(?:"(?:[^"]|"")*"|\w+)(?:\.(?:"(?:[^"]|"")*"|\w+))?)(?:\(\d+(?:, ?\d+)?\))?(?:\[\])*'
)
_LAYOUT = b"() \t\r"


class Definitions:
    """Takes lines, counts and adds up. ``complete`` once the trailer has come."""

    def __init__(self) -> None:
        self.complete = False
        self._counts: dict[bytes, int] = {}
        self._sums: dict[bytes, int] = {}
        self._type = b""
        self._lines: list[bytes] = []

    def take(self, line: bytes) -> None:
        if entry := _ENTRY.fullmatch(line):
            self._close()
            self._type = entry[1]
        self.complete = self.complete or line == END
        if line and line not in (b"--", END) and not line.startswith(_PASSING):
            self._lines.append(line)

    def _close(self) -> None:
        if self._type:
            digest = int.from_bytes(hashlib.sha256(_canonical(self._type, self._lines)).digest()[:8], "big")
            self._counts[self._type] = self._counts.get(self._type, 0) + 1
            self._sums[self._type] = self._sums.get(self._type, 0) + digest
        self._lines = []

    def parts(self, database: str) -> list[FingerprintPart]:
        """One for each type of object, and nothing more to take."""
        self._close()
        self._type = b""
        return [
            FingerprintPart(f"definitions {database} {type.decode().lower()}", count, self._checksum(type), definition=True)
            for type, count in self._counts.items()
        ]

    def _checksum(self, type: bytes) -> str:
        return f"{self._sums[type] % (1 << 64):016x}"


def _canonical(type: bytes, lines: list[bytes]) -> bytes:
    plain = [_CAST.sub(b"", line).translate(None, _LAYOUT).rstrip(b",") for line in lines]
    return b"\n".join(sorted(plain) if type in _UNORDERED else plain)


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest
