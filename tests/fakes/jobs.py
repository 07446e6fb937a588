"""Programs that a component runs once: how each ends, and how long it takes."""

from __future__ import annotations

from collections.abc import Callable

from looma_cli.errors import TimedOut


class FakeJobs(dict[str, tuple[int, str]]):
    """By component: (exit code, output). ``seconds`` says how long one takes, ``sleep`` lets that time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = {}
        self.sleep: Callable[[float], object] = lambda seconds: None

    def run(self, component: str, said: tuple[int | None, str], limit_seconds: float, *, endless: bool) -> tuple[int, str]:
        """``said`` is what its command itself comes to; ``endless``: it would go on for ever."""
        code, output = self.get(component, said)
        seconds = self.seconds.get(component, float("inf") if endless else 0.0)
        self.sleep(min(seconds, limit_seconds))
        if seconds > limit_seconds:
            raise TimedOut(f"the program of {component} did not end within {limit_seconds:.0f} s", "look", output=output)
        return code or 0, output
