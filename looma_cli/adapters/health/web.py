"""HTTP: GET a path, as HTTP/1.1 without keep-alive, and look at the status (RFC 9112)."""

from __future__ import annotations

from looma_cli.adapters.health.conversation import Conversation, NotHealthy, one_line

MOST_BODY = 64 * 1024
MOST_HEADERS = 200
NO_BODY = (204, 304)


async def ask_http(talk: Conversation) -> str:
    """Raises NotHealthy("HTTP 503: <start of the body>") for a status that the probe does not expect.

    The body is read to its end (64 KiB at most) even when the status is right: a component whose answer never ends is not
    well, and one that is cut off in the middle of an answer logs an error for each probe.
    """
    probe = talk.target.probe
    if not probe.path.startswith("/") or not probe.path.isprintable() or " " in probe.path:
        raise NotHealthy(f"{one_line(probe.path)!r} is not a path")
    await talk.send(_request(talk))
    status, headers = await _head(talk)
    body = b"" if status in NO_BODY else await _body(talk, headers)
    if status not in probe.expect:
        raise NotHealthy(f"HTTP {status}: {one_line(body)}".rstrip(": "))
    return ""


def _request(talk: Conversation) -> bytes:
    address = "127.0.0.1" if talk.target.forwarded else talk.target.address
    host = f"[{address}]" if ":" in address else address
    lines = (
        f"GET {talk.target.probe.path} HTTP/1.1",
        f"Host: {host}:{talk.target.port}",
        "User-Agent: looma-health",
        "Accept: application/json, */*;q=0.8",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _head(talk: Conversation) -> tuple[int, dict[str, str]]:
    """Status and headers of the final answer; interim ones (1xx) are passed over."""
    while True:
        line = await talk.reader.readline()
        parts = line.split(None, 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
            raise NotHealthy(f"not an HTTP answer: {one_line(line)}" if line else "closed without an answer")
        headers = await _headers(talk)
        if int(parts[1]) >= 200:
            return int(parts[1]), headers


async def _headers(talk: Conversation) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MOST_HEADERS):
        line = (await talk.reader.readline()).decode("latin-1")
        if line.strip() == "":
            return headers
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    raise NotHealthy(f"an HTTP answer with more than {MOST_HEADERS} headers")


async def _body(talk: Conversation, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(talk)
    length = headers.get("content-length", "")
    if length.isdigit():
        return await _exactly(talk, min(int(length), MOST_BODY))
    return await _until_end(talk)


async def _exactly(talk: Conversation, size: int) -> bytes:
    return await talk.reader.readexactly(size) if size else b""


async def _until_end(talk: Conversation) -> bytes:
    body = b""
    while len(body) < MOST_BODY and (part := await talk.reader.read(4096)):
        body += part
    return body


async def _chunks(talk: Conversation) -> bytes:
    body = b""
    while len(body) < MOST_BODY:
        size = int((await talk.reader.readline()).split(b";")[0], 16)
        if size == 0:
            break
        body += await _exactly(talk, min(size, MOST_BODY))
        await talk.reader.readline()
    return body
