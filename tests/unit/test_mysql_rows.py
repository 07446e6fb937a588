"""Statements of one row each in a dump, of many in a restore: the same rows, whatever is in them and however the dump is cut."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from looma_cli.adapters.datastores.mysql.rows import BLOCK_BYTES, merged

DUMP = b"""-- MariaDB dump
CREATE TABLE `odd ``VALUES (`;
INSERT INTO `odd ``VALUES (` VALUES (1,'a;\\nINSERT INTO `t` VALUES (');
INSERT INTO `odd ``VALUES (` VALUES (2,'b');
CREATE TABLE `t`;
INSERT INTO `t` (`id`, `v VALUES (`, row_start) VALUES (1,'x),(y',3);
INSERT INTO `t` (`id`, `v VALUES (`, row_start) VALUES (2,'z',NULL);
INSERT INTO `t` (`id`, `v VALUES (`, row_start) VALUES (3,'',NULL);
-- Dump completed on 2026-01-02
"""
MERGED = b"""-- MariaDB dump
CREATE TABLE `odd ``VALUES (`;
INSERT INTO `odd ``VALUES (` VALUES (1,'a;\\nINSERT INTO `t` VALUES ('),
(2,'b');
CREATE TABLE `t`;
INSERT INTO `t` (`id`, `v VALUES (`, row_start) VALUES (1,'x),(y',3),
(2,'z',NULL),
(3,'',NULL);
-- Dump completed on 2026-01-02
"""


@given(st.lists(st.integers(0, len(DUMP)), max_size=8))
def test_neighbouring_rows_become_one_statement_however_the_dump_is_cut(cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(DUMP)]
    chunks = [DUMP[start:end] for start, end in itertools.pairwise(borders)]
    assert b"".join(merged(chunks)) == MERGED


def test_statements_stay_shorter_than_what_a_server_takes() -> None:
    row = b"INSERT INTO `t` VALUES (1,'" + b"x" * 1000 + b"');\n"
    count = 3 * BLOCK_BYTES // len(row)
    statements = b"".join(merged(row for _ in range(count))).split(b";\n")
    assert max(map(len, statements)) <= BLOCK_BYTES + len(row)
    assert sum(statement.count(b"(1,'") for statement in statements) == count
    assert len(statements) <= 5


def test_a_row_longer_than_a_block_stays_whole() -> None:
    row = b"INSERT INTO `t` VALUES (1,0x" + b"00" * BLOCK_BYTES + b");\n"
    pieces = [row[start : start + 65536] for start in range(0, len(row), 65536)]
    together = b"".join(merged([*pieces, *pieces]))
    assert together.count(b"(1,0x" + b"00" * BLOCK_BYTES + b")") == 2
