"""What every command pays before it does anything: help and completion against a Typer program with one command."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.bench import floors
from tests.bench.measuring import Figure, compared, home, looma, medians, run

LIMIT = 1.3
FLOOR = (sys.executable, "-c", floors.TYPER)


def figures() -> Iterator[Figure]:
    with home() as environment:
        helping = medians(lambda: run((*FLOOR, "--help"), environment), lambda: looma(environment, "--help"))
        yield compared("looma --help", *helping, LIMIT)
        words = {"_LOOMA_COMPLETE": "complete_bash", "COMP_WORDS": "looma tenant show ", "COMP_CWORD": "3"}
        other = {"_HELLO_COMPLETE": "complete_bash", "COMP_WORDS": "hello --", "COMP_CWORD": "1"}
        completing = medians(lambda: run(FLOOR, environment | other), lambda: looma(environment | words))
        yield compared("completion of a tenant's name", *completing, LIMIT)
