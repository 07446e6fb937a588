"""The one ssh process of a connection: others speak through it. It ends with looma, however that ends."""

from __future__ import annotations

import os
import re
import resource
import selectors
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress

from looma_cli.adapters.children import end, spawn

READY = "looma-ready"
WORDS_KEPT = 40
_MOST_BYTES = 1 << 16
_LOOK_SECONDS = 0.5  # how soon an ssh that has ended is seen while what it started still holds its pipes
_GREETING_LINE = re.compile(rb"looma-ready (usable|forbidden|absent) ([^\n]+)\n")
# Says where the engine's socket is and whether this user may use it, then lives until its input ends. One line: not every log-in shell
# takes a quoted line break.
GREETING = (
    "own=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/docker.sock; "
    'for s in /var/run/docker.sock "$own"; do '
    f'if test -S "$s" && test -w "$s"; then echo "{READY} usable $s"; exec cat >/dev/null; fi; done; '
    'for s in /var/run/docker.sock "$own"; do '
    f'if test -S "$s"; then echo "{READY} forbidden $s"; exec cat >/dev/null; fi; done; '
    f'echo "{READY} absent /var/run/docker.sock"; exec cat >/dev/null'
)


class Master:
    """``engine`` is (usable, forbidden or absent; path of the engine's socket there) once it is ready; ``words`` what ssh said."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.engine: tuple[str, str] | None = None
        self._words: deque[str] = deque(maxlen=WORDS_KEPT)
        self._output = b""
        self._errors = b""
        self._process: subprocess.Popen[bytes] | None = None
        self._changed = threading.Condition()
        self._ended = False
        self._failure: BaseException | None = None
        # The kernel ends a child with the thread that started it (see children.spawn): this one lives exactly as long as ssh.
        threading.Thread(target=self._live, args=(list(arguments), dict(environment)), name="ssh", daemon=True).start()

    def wait_until_ready(self, seconds: float) -> bool:
        """False where it has ended, or has not come so far in time."""
        with self._changed:
            self._changed.wait_for(lambda: self.engine is not None or self._ended, seconds)
        if self._failure is not None:
            raise self._failure
        return self.engine is not None and not self._ended

    def alive(self, grace_seconds: float = 0.0) -> bool:
        """``grace_seconds`` are for a process whose sockets are closed already, and whose end is not known yet."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended, grace_seconds)
            return not self._ended

    @property
    def words(self) -> list[str]:
        """The last lines of ssh, and of those to jump hosts."""
        return list(self._words)

    def end(self) -> None:
        """With all that it started. Idempotent."""
        if self._process is not None:
            end(self._process)
        with self._changed:
            self._changed.wait_for(lambda: self._ended, 5)

    def _live(self, arguments: list[str], environment: dict[str, str]) -> None:
        try:
            with spawn(arguments, environment, stdin=subprocess.PIPE) as process:
                self._process = process
                try:
                    _raise_file_limit(process.pid)
                    self._listen(process)
                finally:
                    end(process)
        except OSError as error:
            self._failure = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Until ssh has ended. An ssh to a jump host may live on, with our pipes: it is of no use any more."""
        hearers = {process.stdout: self._greeted, process.stderr: self._said}
        with selectors.DefaultSelector() as selector:
            for pipe, hear in hearers.items():
                selector.register(pipe, selectors.EVENT_READ, hear)
            while selector.get_map():
                found = selector.select(_LOOK_SECONDS)
                for key, _ in found:
                    data = os.read(key.fd, 1 << 16)
                    key.data(data)
                    if not data:
                        selector.unregister(key.fileobj)
                if not found and process.poll() is not None:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _greeted(self, data: bytes) -> None:
        """The greeting may stand behind what the user's log-in shell has to say."""
        self._output = (self._output + data)[-_MOST_BYTES:]
        found = _GREETING_LINE.search(self._output)
        if found and self.engine is None:
            with self._changed:
                self.engine = (found[1].decode(), found[2].decode(errors="surrogateescape"))
                self._changed.notify_all()

    def _said(self, data: bytes) -> None:
        *lines, self._errors = (self._errors + data).replace(b"\r", b"\n").split(b"\n")
        if not data and self._errors:
            lines.append(self._errors)
        self._errors = self._errors[-_MOST_BYTES:]
        self._words.extend(text for line in lines if (text := one_line(line)))


def _raise_file_limit(pid: int) -> None:
    """Each forwarded socket is a file, and the usual limit of 1024 is for programs that know no other way to wait (select(2))."""
    with suppress(OSError, ValueError):  # without a right to, or it has ended
        _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))


def one_line(line: bytes) -> str:
    """Foreign text made fit for a terminal."""
    text = line.decode("utf-8", errors="replace")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
