"""FakeHealth: implements ``Health`` from a table of what each address answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from looma_cli.model.health import ProbeResult, ProbeTarget

LATENCY_MS = 1.5


class FakeHealth:
    """Everything answers well, unless ``unhealthy`` (component or (address, port) -> detail) or ``absent`` (the same keys: nothing
    answers) says otherwise; ``decide`` may judge instead. ``probed`` is what was asked, newest last."""

    def __init__(self) -> None:
        self.unhealthy: dict[str | tuple[str, int], str] = {}
        self.absent: set[str | tuple[str, int]] = set()
        self.decide: Callable[[ProbeTarget], ProbeResult | None] = lambda target: None
        self.probed: list[ProbeTarget] = []

    def probe(self, targets: Sequence[ProbeTarget], *, timeout_seconds: float = 2.0) -> list[ProbeResult]:
        self.probed.extend(targets)
        return [self.decide(target) or self._result(target) for target in targets]

    def _result(self, target: ProbeTarget) -> ProbeResult:
        keys = (target.component, (target.address, target.port))
        if any(key in self.absent for key in keys):
            return ProbeResult(target.component, False, None, "connection refused")
        detail = next((self.unhealthy[key] for key in keys if key in self.unhealthy), None)
        return ProbeResult(target.component, detail is None, LATENCY_MS, detail or "")
