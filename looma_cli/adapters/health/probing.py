"""AsyncHealth: one event loop, one connection per probe, many probes at once, one time limit for each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from looma_cli.adapters.health.bolt import ask_bolt
from looma_cli.adapters.health.conversation import Conversation, NotHealthy, one_line
from looma_cli.adapters.health.mysql import ask_mysql
from looma_cli.adapters.health.postgresql import ask_postgresql
from looma_cli.adapters.health.redis import ask_redis
from looma_cli.adapters.health.web import ask_http
from looma_cli.model.health import ProbeResult, ProbeTarget

CLOSED_AT_ONCE_SECONDS = 0.1
FAR_AT_ONCE_SECONDS = 1.0  # over a connection to another host, whose answer takes a round trip or two
AT_ONCE = 512  # connections: half of the file descriptors that a process usually gets


async def _ask_tcp(talk: Conversation) -> str:
    """To be let in, and not shown out at once: the engine's port proxy accepts for a server that is not there, then closes."""
    try:
        at_once = FAR_AT_ONCE_SECONDS if talk.target.forwarded else CLOSED_AT_ONCE_SECONDS
        if await asyncio.wait_for(talk.reader.read(1), at_once) == b"":
            raise NotHealthy("accepts connections and closes them at once")
    except TimeoutError:  # it waits for us to speak
        return ""
    return ""


KINDS: Mapping[str, Callable[[Conversation], Awaitable[str]]] = {
    "http": ask_http,
    "mysql": ask_mysql,
    "redis": ask_redis,
    "postgresql": ask_postgresql,
    "bolt": ask_bolt,
    "tcp": _ask_tcp,
}


class AsyncHealth:
    """Sends probes, at most ``at_once`` at a time."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once

    def probe(self, targets: Sequence[ProbeTarget], *, timeout_seconds: float = 2.0) -> list[ProbeResult]:
        """One result per target, in order. ``timeout_seconds`` bounds one probe from connecting to its last byte; waiting for
        one's turn does not count. ``latency_ms`` is None where nothing answered."""
        return asyncio.run(self._all(targets, timeout_seconds)) if targets else []

    async def _all(self, targets: Sequence[ProbeTarget], timeout_seconds: float) -> list[ProbeResult]:
        turns = asyncio.Semaphore(self._at_once)
        return await asyncio.gather(*(_in_turn(turns, target, timeout_seconds) for target in targets))


async def _in_turn(turns: asyncio.Semaphore, target: ProbeTarget, timeout_seconds: float) -> ProbeResult:
    async with turns:
        return await _result(target, timeout_seconds)


async def _result(target: ProbeTarget, timeout_seconds: float) -> ProbeResult:
    """Every way in which an answer can be wrong becomes a result."""
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        async with asyncio.timeout(timeout_seconds):
            detail = await _ask(target)
        return ProbeResult(target.component, True, (clock() - started) * 1000, detail)
    except NotHealthy as error:
        return ProbeResult(target.component, False, (clock() - started) * 1000, str(error))
    except TimeoutError:
        return ProbeResult(target.component, False, None, f"no complete answer within {timeout_seconds:g} s")
    except asyncio.IncompleteReadError as error:
        got = f" after {one_line(error.partial)!r}" if error.partial else ""
        return ProbeResult(target.component, False, None, f"closed in the middle of its answer{got}" if got else _closed(target))
    except OSError as error:
        return ProbeResult(target.component, False, None, _closed(target) if target.forwarded else _reason(error))
    except (asyncio.LimitOverrunError, ValueError, LookupError) as error:
        return ProbeResult(target.component, False, None, f"not a {target.probe.kind} answer: {one_line(str(error))}")


def _closed(target: ProbeTarget) -> str:
    """A forwarded connection is taken here, and closed when nobody takes it there."""
    return "nothing answers at that port of the host" if target.forwarded else "closed in the middle of its answer"


async def _ask(target: ProbeTarget) -> str:
    ask = KINDS.get(target.probe.kind)
    if ask is None:
        raise NotHealthy(f"no probe of kind {target.probe.kind!r}")
    reader, writer = await _connect(target)
    try:
        return await ask(Conversation(target, reader, writer))
    finally:
        with suppress(OSError):
            writer.close()


async def _connect(target: ProbeTarget) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An address that is a path is a unix socket's, which leads to the port on another host."""
    if target.forwarded:
        return await asyncio.open_unix_connection(target.address)
    return await asyncio.open_connection(target.address, target.port)


def _reason(error: OSError) -> str:
    """The system's words without the address, which the reader knows: "connection refused"."""
    text = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error) or type(error).__name__
    return one_line(text[:1].lower() + text[1:])
