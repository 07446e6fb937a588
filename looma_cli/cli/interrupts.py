"""Ctrl-C, SIGTERM and a lost terminal while something is being changed: the step under way is finished, then the operation pauses."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_requests: list[int] = []


def stop_requested() -> bool:
    """Whether the user asked to end."""
    return bool(_requests)


@contextmanager
def finishing_the_step(running: Callable[[], bool], tell: Callable[[], None]) -> Iterator[None]:
    """While an operation is ``running``, the first signal is a request (``tell`` answers it), a second one ends at once.

    Outside of an operation a signal raises KeyboardInterrupt, as ever. A signal that was ignored (``nohup``) stays so.
    The handlers of before are put back at the end.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        if _requests or not running():
            raise KeyboardInterrupt
        _requests.append(number)
        with suppress(RuntimeError):  # the very line of output that was interrupted is not finished yet
            tell()

    mine = threading.current_thread() is threading.main_thread()
    heeded = [n for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if mine and signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        _requests.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
