"""How fakes fail on purpose."""

from __future__ import annotations

from dataclasses import dataclass


class Killed(BaseException):
    """``kill -9`` of looma in the middle of a deed: no handler may run, what was done stays done."""


@dataclass
class Failure:
    """Raise ``error`` at the ``call``-th call (1 is the next) of ``method``, on ``layer`` only if it is given."""

    method: str
    error: BaseException
    layer: str | None = None
    call: int = 1
