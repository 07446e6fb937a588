"""The engine's frames, however the connection cuts them."""

from __future__ import annotations

import struct
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from looma_cli.adapters.engine.program import ERRORS_KEPT, Frames

FRAMES = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=12)


@given(FRAMES, st.lists(st.integers(0, 600), max_size=20))
def test_output_and_errors_come_apart_whole(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    line = b"".join(struct.pack(">BxxxL", stream, len(payload)) + payload for stream, payload in frames)
    borders = sorted({0, len(line), *(cut for cut in cuts if cut < len(line))})
    taken, output = Frames(), b""
    for start, end in pairwise(borders):
        taken.feed(line[start:end])
        output += taken.output() if taken.waiting else b""
    assert output == b"".join(payload for stream, payload in frames if stream == 1)
    assert taken.errors == b"".join(payload for stream, payload in frames if stream == 2)


def test_only_the_end_of_errors_is_kept() -> None:
    taken = Frames()
    for number in range(100):
        taken.feed(struct.pack(">BxxxL", 2, 1000) + b"%03d" % number + b"x" * 997)
    assert len(taken.errors) == ERRORS_KEPT
    assert b"099" in taken.errors
    assert not taken.waiting
