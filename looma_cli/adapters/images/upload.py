"""Loading an image into an engine while its archive is still being made: ``POST /images/load`` with a body of unknown length."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from looma_cli.adapters.engine.api import Answer, EngineApi
from looma_cli.adapters.engine.way import Way
from looma_cli.errors import LoomaError

Refused = Callable[[str], LoomaError]

STALLED_SECONDS = 120.0  # the engine takes nothing more
LOADING_SECONDS = 900.0  # from one word of it to the next, while it unpacks layers
LAST_WORDS_SECONDS = 5.0


class Upload:
    """A ``Sink``: what is written to it goes to the engine of ``host``. ``written`` is called with the number of bytes so far, again and
    again while the engine unpacks them."""

    def __init__(self, connection: http.client.HTTPConnection, way: Way, refused: Refused, written: Callable[[int], None]) -> None:
        self._connection = connection
        self._way = way
        self._refused = refused
        self._written = written
        self._count = 0

    def tell(self) -> int:
        return self._count

    def write(self, data: bytes) -> int:
        """One chunk. Raises what ``finish`` raises."""
        if data:
            self._send(b"%x\r\n%b\r\n" % (len(data), data))
            self._count += len(data)
            self._written(self._count)
        return len(data)

    def finish(self) -> int:
        """The archive is whole; waits until the engine has the image. How many bytes went over.

        Raises Unreachable when the connection breaks, and what ``refused`` makes of the engine's words when it refuses, also in the
        midst of the archive."""
        self._send(b"0\r\n\r\n")
        try:
            self._read_answer(LOADING_SECONDS)
        except (OSError, http.client.HTTPException) as error:
            raise self._way.engine_failure(error) from error
        return self._count

    def _send(self, data: bytes) -> None:
        try:
            self._connection.send(data)
        except TimeoutError as error:
            raise self._way.engine_failure(error) from error
        except OSError as error:
            raise self._last_words() or self._way.engine_failure(error) from error

    def _last_words(self) -> LoomaError | None:
        """An engine that refuses in the midst answers, and then listens no more."""
        with suppress(OSError, http.client.HTTPException):
            try:
                self._read_answer(LAST_WORDS_SECONDS)
            except LoomaError as error:
                return error
        return None

    def _read_answer(self, seconds: float) -> None:
        self._connection.sock.settimeout(seconds)
        answer = self._connection.getresponse()
        if answer.status >= 400:
            raise self._refused(Answer(answer.status, answer.read()).message or f"HTTP {answer.status}")
        for line in answer:
            if reason := complaint(line):
                raise self._refused(reason)
            self._written(self._count)


@contextmanager
def uploading(api: EngineApi, refused: Refused, written: Callable[[int], None]) -> Iterator[Upload]:
    """An open upload; left before it is finished, the engine drops all of it. Raises Unreachable."""
    connection = api.connect()
    try:
        try:
            connection.connect()
            connection.sock.settimeout(STALLED_SECONDS)
            connection.putrequest("POST", "/images/load?quiet=0")
            connection.putheader("Content-Type", "application/x-tar")
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
        except OSError as error:
            raise api.way.engine_failure(error) from error
        yield Upload(connection, api.way, refused, written)
    finally:
        connection.close()


def complaint(line: bytes) -> str:
    """What went wrong, from one of the JSON lines in which an engine tells of a load; empty for progress."""
    try:
        said = json.loads(line)
    except ValueError:
        return ""
    return " ".join(str(said["error"]).split()) if isinstance(said, dict) and said.get("error") else ""
