"""The engine's frames, however the connection cuts them."""

from __future__ import annotations

import struct
import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from looma_cli.adapters.engine.program import ERRORS_KEPT, ExecProgram, Frames

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


class Flowing:
    """A hijacked connection on which a dump arrives, one frame of 8 KiB every tenth of a millisecond."""

    received = b""
    frames = 2000

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._taken = 0

    def receive(self, amount: int) -> bytes:
        if self._taken == self.frames:
            return b""
        while not (there := min(int((time.monotonic() - self._began) * 10_000), self.frames) - self._taken):
            time.sleep(0.0001)
        there = min(there, amount // 8200)
        self._taken += there
        return (struct.pack(">BxxxL", 1, 8192) + bytes(8192)) * there


def test_what_flows_in_little_pieces_is_handed_on_in_large_ones() -> None:
    program = ExecProgram(Flowing(), lambda: 0)  # type: ignore[arg-type]
    pieces = [len(piece) for piece in iter(program.read, b"")]
    assert sum(pieces) == Flowing.frames * 8192
    assert len(pieces) < Flowing.frames / 4
