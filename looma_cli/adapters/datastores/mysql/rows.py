"""One statement per row in a dump, many rows per statement in a restore.

mysqldump fills its statements up to a size, so a row that grew moves the borders of all statements after it, and a repository finds hardly
a piece of them again. A dump with one row per statement changes only where its rows do. Loading it so would take several times as long;
neighbouring statements are therefore made one on the way in. Both are the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

ONE_ROW_PER_STATEMENT = "--skip-extended-insert"
BLOCK_BYTES = 512 << 10  # of statements that become one: half of the smallest default of max_allowed_packet
_NAME = rb"(?:`(?:[^`]|``)*`|[a-z_]+)"
# A statement is one line: mysqldump escapes line feeds in strings, and --hex-blob writes bytes as digits.
_INSERT = re.compile(rb"^INSERT INTO `(?:[^`]|``)*`(?: \(" + _NAME + rb"(?:, " + _NAME + rb")*\))? VALUES \(", re.MULTILINE)


def merged(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same dump with neighbouring rows of a table in one statement, at most about ``BLOCK_BYTES`` long, or one row."""
    return map(_merge, _blocks(chunks))


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, so many that they are at least that long; the last block ends as the dump does."""
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= BLOCK_BYTES and b"\n" in chunk:
            block, _, rest = b"".join(waiting).rpartition(b"\n")
            yield block + b"\n"
            waiting, size = [rest], len(rest)
    yield b"".join(waiting)


def _merge(block: bytes) -> bytes:
    """Each kind of statement in the block is looked for once, then all of its neighbours are joined at once."""
    begin = 0
    while found := _INSERT.search(block, begin):
        statement = found[0]
        block = block.replace(b");\n" + statement, b"),\n(")
        begin = found.end()
    return block
