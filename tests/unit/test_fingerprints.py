"""When a restored store holds the same as the one that was saved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from looma_cli.model.backup import Fingerprint, FingerprintPart
from tests.factories import NOW

HOUR = timedelta(hours=1)


def part(name: str = "orders", rows: int = 3, checksum: str = "aa", **more: object) -> FingerprintPart:
    return FingerprintPart(name, rows, checksum, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("saved", "restored", "said"),
    [
        ([part()], [part()], []),
        ([], [], []),
        ([part()], [part(rows=2)], ["orders: 2 rows instead of 3"]),
        ([part()], [part(checksum="bb")], ["orders: other content in 3 rows"]),
        ([part()], [], ["orders: missing, 3 rows"]),
        ([part(rows=0)], [], []),
        ([], [part()], ["orders: was not there before"]),
        ([], [part(rows=0)], []),
        ([part(expires_at=NOW - HOUR)], [], []),
        ([part(expires_at=NOW + HOUR)], [], ["orders: missing, 3 rows"]),
        ([part(at_least=True)], [part(rows=5)], []),
        ([part(at_least=True)], [part(rows=2)], ["orders: 2 rows instead of 3"]),
        ([part(at_least=True)], [part(rows=5, checksum="bb")], ["orders: other content in 3 rows"]),
        ([part("a"), part("b")], [part("b"), part("a")], []),
    ],
)
def test_differences(saved: list[FingerprintPart], restored: list[FingerprintPart], said: list[str]) -> None:
    found = Fingerprint(tuple(saved)).differences(Fingerprint(tuple(restored)), NOW)
    assert found == said


def test_the_digest_is_of_every_part() -> None:
    whole = Fingerprint((part("a"), part("b")))
    others = [(part("a"),), (part("a"), part("c")), (part("a"), part("b", rows=4)), (part("a"), part("b", checksum="bb"))]
    assert len({whole.digest, *(Fingerprint(parts).digest for parts in others)}) == 5
