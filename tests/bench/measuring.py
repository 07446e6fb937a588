"""How the figures are taken: both sides turn by turn, so that whatever else the machine does meets both; medians are compared."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

ROUNDS = 5
QUIET = 0.75  # load average of one minute per processor, above which figures say more about others than about looma

Action = Callable[[], object]
Environment = Mapping[str, str]
LOOMA = (sys.executable, "-m", "looma_cli")


@dataclass(frozen=True, slots=True)
class Figure:
    """``value`` is compared with ``limit``: at most, or (``least``) at least."""

    name: str
    floor: str
    looma: str
    value: float
    limit: float | None = None
    least: bool = False
    unit: str = ""

    @property
    def ok(self) -> bool:
        if self.limit is None:
            return True
        return self.value >= self.limit if self.least else self.value <= self.limit


def seconds(action: Action) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def medians(floor: Action, looma: Action, *, before: Action = lambda: None, rounds: int = ROUNDS) -> tuple[float, float]:
    """Seconds of both, turn by turn after one unmeasured round each of both; ``before`` runs unmeasured before each."""
    took: dict[Action, list[float]] = {floor: [], looma: []}
    for each in range(rounds + 1):
        for action, values in took.items():
            before()
            spent = seconds(action)
            if each:
                values.append(spent)
    return median(took[floor]), median(took[looma])


def compared(name: str, floor: float, looma: float, limit: float | None) -> Figure:
    return Figure(name, shown(floor), shown(looma), looma / floor, limit)


def shown(spent: float) -> str:
    return f"{spent * 1000:.0f} ms" if spent < 2 else f"{spent:.2f} s"


def run(command: Sequence[str], environment: Environment, *, text: str | None = None) -> str:
    """Standard output. Raises CalledProcessError, with what was said on standard error, for any other exit code than 0."""
    done = subprocess.run(command, env={**os.environ, **environment}, input=text, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr[-2000:])
        raise subprocess.CalledProcessError(done.returncode, command)
    return done.stdout


def looma(environment: Environment, *arguments: str) -> str:
    return run((*LOOMA, *arguments), environment)


@contextmanager
def home(**settings: str) -> Iterator[dict[str, str]]:
    """The environment of a looma of its own, in a folder that is removed afterwards."""
    with TemporaryDirectory(prefix="looma-bench-") as folder:
        yield {"LOOMA_HOME": folder, "NO_COLOR": "1", **settings}


def batch(folder: str | Path, names: Sequence[str]) -> str:
    """A file for ``tenant create --from``."""
    path = Path(folder) / f"{names[0]}.yaml"
    path.write_text("".join(f"- {{name: {name}, edition: basic}}\n" for name in names), encoding="utf-8")
    return str(path)


def quiet() -> bool:
    return os.getloadavg()[0] <= QUIET * (os.cpu_count() or 1)
