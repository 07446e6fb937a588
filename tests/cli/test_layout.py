"""Tables, facts and panels: they fit, they align, and what is wide is wide."""

from __future__ import annotations

import io
import re

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from looma_cli.cli.layout import Column, Painted, cut, facts, fold, panel, table
from looma_cli.cli.terminal import Screen

COLUMNS = (
    Column("name", least=6),
    Column("title", drop=2),
    Column("note", drop=1, least=8, wrap=True),
    Column("count", right=True, drop=3),
)
TEXT = st.text(alphabet="abc 中文、-", max_size=30)


def screen(width: int | None = None, *, colour: bool = False) -> Screen:
    return Screen(io.StringIO(), width is not None, width, colour)


@given(st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT), min_size=1, max_size=4), st.integers(20, 120))
def test_a_table_is_never_wider_than_the_terminal(rows: list[tuple[str, str, str, str]], width: int) -> None:
    assert max(cell_len(line) for line in table(COLUMNS, rows, screen(width))) <= width


@given(st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT), min_size=1, max_size=4))
def test_colours_change_no_text(rows: list[tuple[str, str, str, str]]) -> None:
    painted = [tuple(Painted(cell, "red", head=True) for cell in row) for row in rows]
    bare = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in table(COLUMNS, painted, screen(60, colour=True))]
    assert [line.rstrip() for line in bare] == table(COLUMNS, rows, screen(60))


def test_columns_line_up_under_chinese() -> None:
    lines = table((Column("a"), Column("b")), [("中文", "x"), ("abc", "y")], screen())
    assert lines == ["A     B", "中文  x", "abc   y"]


def test_a_narrow_terminal_first_wraps_then_drops_then_cuts() -> None:
    row = ("a-long-name", "title", "several words of a note", "7")
    assert table(COLUMNS, [row], screen(60))[1].split() == ["a-long-name", "title", "several", "words", "of", "a", "note", "7"]
    wrapped = table(COLUMNS, [row], screen(42))
    assert len(wrapped) > 2
    assert wrapped[0].split() == ["NAME", "TITLE", "NOTE", "COUNT"]
    assert table(COLUMNS, [row], screen(22))[0].split() == ["NAME", "NOTE"]
    assert table((Column("name", least=6),), [row[:1]], screen(20))[1] == "a-long-name"
    assert table((Column("name", least=6), Column("x")), [("a-very-long-name-indeed", "y" * 10)], screen(20))[1] == "a-very-…  yyyyyyyyyy"


def test_a_column_without_anything_is_left_out() -> None:
    assert table((Column("a"), Column("b"), Column("c")), [("1", "", "3")], screen()) == ["A  C", "1  3"]


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert table((Column("a"),), [("x\x1b[31m\ny",)], screen())[1] == "x [31m y"


def test_numbers_stand_right() -> None:
    assert table((Column("n", right=True),), [("1",), ("100",)], screen()) == ["  N", "  1", "100"]


def test_facts_wrap_under_their_value() -> None:
    assert facts([("key", "one two three"), ("k", "v")], screen(14), "") == ["key  one two", "     three", "k    v"]


@given(st.text(alphabet="ab 中、", max_size=60), st.integers(2, 20))
def test_folding_loses_nothing_but_blanks(text: str, width: int) -> None:
    lines = fold(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_cutting() -> None:
    assert (cut("abc", 3), cut("abcd", 3), cut("中文字", 5)) == ("abc", "ab…", "中文…")


def test_a_panel_is_closed_on_every_side() -> None:
    lines = panel("标题", ["a", "bb 中"], ["a", "bb 中"], screen(40), "green")
    assert len({cell_len(line) for line in lines}) == 1
    assert (lines[0][0], lines[0][-1], lines[-1][0], lines[-1][-1]) == ("╭", "╮", "╰", "╯")


def test_what_an_encoding_lacks_is_replaced() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Screen(stream, False, None, False).line("● ok … 中")
    stream.flush()
    assert stream.buffer.getvalue() == b"* ok ~ \\u4e2d\n"
