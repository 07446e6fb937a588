"""``python -m tests.bench [NAME...]``: a line for each figure. Exit 1 when a limit is exceeded on a quiet machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

from tests.bench.measuring import Figure, quiet

LINE = "{:<44} {:>9} {:>9} {:>9} {:>7}  {}"


def names() -> list[str]:
    return sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def main(wanted: Sequence[str]) -> int:
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"there is no bench {unknown[0]}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    was_quiet = quiet()
    print(LINE.format("figure", "floor", "looma", "ratio", "limit", ""))
    over = [figure for name in wanted or names() for figure in said(import_module(f"tests.bench.bench_{name}").figures()) if not figure.ok]
    load = os.getloadavg()[0]
    print(f"\n{len(over)} over the limit; load {load:.1f} on {os.cpu_count()} processors" + ("" if was_quiet else NOT_QUIET))
    return 1 if over and was_quiet else 0


NOT_QUIET = ": others were busy when this began, so nothing is judged by it"


def said(figures: Iterable[Figure]) -> Iterable[Figure]:
    for figure in figures:
        sign = ">=" if figure.least else "<="
        limit = "" if figure.limit is None else f"{sign} {figure.limit:g}"
        value = f"{figure.value:.{0 if figure.value >= 20 or figure.value == 0 else 2}f}{figure.unit}"
        print(LINE.format(figure.name, figure.floor, figure.looma, value, limit, "ok" if figure.ok else "over"), flush=True)
        yield figure


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
