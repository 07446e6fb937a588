"""One connection to one host: opened when it is first needed, and anew when it has broken, always with the same sockets at this end."""

from __future__ import annotations

import atexit
import os
import shlex
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from looma_cli.adapters.ssh import arguments, failures
from looma_cli.adapters.ssh.directory import MARK, PrivateDirectory
from looma_cli.adapters.ssh.forwards import Forwards
from looma_cli.adapters.ssh.master import GREETING, Master
from looma_cli.adapters.ssh.program import SSH_FAILED, Ended, require_ssh, run
from looma_cli.adapters.ssh.scanning import scan
from looma_cli.errors import EngineUnavailable, HostKeyChanged, HostUnreachable
from looma_cli.model.ssh import public_key, ssh_address

OPEN_SECONDS = 25.0  # of one attempt: two handshakes where there is a jump host, and the first answer of a shell
FIRST_SECONDS = 3.0  # how long it is tried again where sshd is restarted or has too many logins at a time
AGAIN_SECONDS = 20.0  # where there was a connection before: something waits for it to come back
REMEMBER_SECONDS = 1.0  # threads that waited for the same attempt share its failure
CONTROL_SECONDS = 20.0
MOST_FORWARDS = 1000  # of one call: its arguments have room for ten times as many
SESSIONS = 6  # commands at a time; sshd lets 10 in by default (MaxSessions), and the connection itself is one
WITHDRAW_SECONDS = 5.0  # at the end of a command, which somebody waits for
ENDED_SECONDS = 0.3  # between the end of a socket and that of its process
GROUP_HINT = "run there: sudo usermod -aG docker {user}, and try again"
Pair = tuple[str, int]


class SshConnection:
    """``url`` is ``ssh://[user@]name[:port]``, ``host_key`` the pinned public key (``ssh-ed25519 AAAA…``), ``name`` what errors call
    the host; ``first_seconds`` and ``again_seconds`` are how long it is tried at first, and after a break. May be used from several
    threads, and after ``close`` again.

    Also the engine's ``Way``: its socket there is ``engine_url`` here. Raises HostUnreachable (HostKeyChanged where the host shows
    another key) from every method that needs the host; a command whose outcome is unknown raises it too.
    """

    def __init__(
        self,
        url: str,
        host_key: str,
        name: str = "",
        environment: Mapping[str, str] | None = None,
        first_seconds: float = FIRST_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        self.address = ssh_address(url)
        self.name = name or self.address.name
        self._key = public_key(host_key) if host_key else None
        self._environment = os.environ if environment is None else environment
        self._patience = first_seconds, again_seconds
        self._opening = threading.RLock()
        self._sessions = threading.BoundedSemaphore(SESSIONS)
        self._directory: PrivateDirectory | None = None
        self._master: Master | None = None
        self._forwards = Forwards()
        self._failed: tuple[float, HostUnreachable] | None = None

    # the connection

    def open(self) -> Master:
        """The ssh that is connected, made anew where there is none (any more)."""
        with self._opening:
            if self._master is None or not self._master.alive():
                self._raise_remembered()
                patience = self._patience[self._master is not None]
                self._master = None  # once it has been waited for in vain, it is waited for no longer than anybody
                self._master = self._opened(patience)
            return self._master

    def connected(self, grace_seconds: float = 0.0) -> bool:
        """Whether there is a connection, as far as this end knows; ``grace_seconds`` are for the news of its end to come."""
        master = self._master
        return master is not None and master.alive(grace_seconds)

    def close(self) -> None:
        """Idempotent; whatever still runs over it is cut off."""
        with self._opening:
            if self._master is not None:
                self._withdraw(self._master)
                self._master.end()
            if self._directory is not None:
                self._directory.remove()
            self._master, self._directory, self._forwards, self._failed = None, None, Forwards(), None
            atexit.unregister(self.close)

    def _opened(self, patience_seconds: float) -> Master:
        from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random

        again = retry_if_exception_type(failures.NotNow)
        attempts = Retrying(retry=again, stop=stop_after_delay(patience_seconds), wait=wait_random(0.2, 0.6), reraise=True)
        try:
            return attempts(self._attempt)
        except HostUnreachable as error:
            self._failed = (time.monotonic(), error)
            raise

    def _raise_remembered(self) -> None:
        if self._failed is not None and time.monotonic() - self._failed[0] < REMEMBER_SECONDS:
            raise self._failed[1]

    def _attempt(self) -> Master:
        master = Master(self._command(), self._marked())
        try:
            if not master.wait_until_ready(OPEN_SECONDS):
                raise self._refusal(master)
            self._establish(master)
        except BaseException:
            master.end()
            raise
        return master

    def _command(self) -> list[str]:
        if self._key is None:
            raise HostUnreachable(f"no key of host {self.name} is pinned", f"looma host check {self.name} shows its key")
        require_ssh(self._environment)
        directory = self._place().path
        (directory / arguments.KNOWN_HOSTS).write_text(f"{arguments.ALIAS} {self._key.key}\n", encoding="ascii")
        (directory / arguments.CONTROL).unlink(missing_ok=True)
        return arguments.master(self.address, self._key, directory, GREETING)

    def _place(self) -> PrivateDirectory:
        with self._opening:
            if self._directory is None:
                self._directory = PrivateDirectory(self._environment)
                atexit.register(self.close)
            return self._directory

    def _marked(self) -> dict[str, str]:
        return {**self._environment, MARK: str(self._place().path)}

    def _refusal(self, master: Master) -> HostUnreachable:
        waited = master.alive()
        master.end()
        if failures.key_changed(master.words):
            return self._key_changed(master.words)
        otherwise = f"no answer within {OPEN_SECONDS:.0f} s" if waited else "ssh ended without a word"
        return failures.unreachable(self.name, self.address.destination, master.words, otherwise)

    def _key_changed(self, words: Sequence[str]) -> HostKeyChanged:
        """ssh does not say which key it was offered where that is of another type."""
        assert self._key is not None
        offered = failures.offered_fingerprint(words)
        if offered is None:
            try:
                offered = scan(self.address.url, self._environment).fingerprint
            except HostUnreachable:
                offered = None
        return failures.changed(self.name, self._key, offered)

    def check(self, opened: object, *, failed: bool = False) -> None:
        """See Way."""
        if failed:
            self.connected(ENDED_SECONDS)
        if isinstance(opened, Master) and (opened is not self._master or not opened.alive()):
            raise self._broken(opened)

    # sockets

    @property
    def engine_url(self) -> str:
        """``unix:///…``: the engine's socket, once the connection is open."""
        return f"unix://{self._place().path}/{Forwards.ENGINE}"

    @property
    def place(self) -> str:
        """How errors name the engine's place."""
        return f"on host {self.name}"

    def engine_failure(self, error: BaseException) -> HostUnreachable | EngineUnavailable:
        """What a broken or silent connection to the engine's socket means."""
        if isinstance(error, TimeoutError):
            return EngineUnavailable(f"the container engine on host {self.name} does not answer in time", self._engine_hint)
        master = self._master
        if master is None or not master.alive(ENDED_SECONDS):
            return self._broken(master)
        if master.engine and master.engine[0] == "forbidden":
            user = self.address.user or "USER"
            return EngineUnavailable(f"user {user} may not use the container engine on host {self.name}", GROUP_HINT.format(user=user))
        return EngineUnavailable(f"no container engine answers on host {self.name}", self._engine_hint)

    def forward(self, pairs: Iterable[Pair]) -> dict[Pair, str]:
        """(address, port) as the host sees them -> path of the unix socket that leads there from here. All that are new in one go."""
        wanted = list(dict.fromkeys(pairs))
        with self._opening:
            master = self.open()
            new = self._forwards.add(wanted, self._place().path)
            try:
                self._control(master, "forward", new)
            except HostUnreachable:
                self._forwards.forget(wanted)
                raise
            return self._forwards.paths(wanted, self._place().path)

    def publish(self, remote_socket: str, local_socket: str) -> None:
        """Connections to the unix socket ``remote_socket`` there arrive at ``local_socket`` here; what lies at its path is replaced."""
        with self._opening:
            master = self.open()
            self._clear(master, [remote_socket])
            self._control(master, "forward", [("-R", f"{remote_socket}:{local_socket}")])
            self._forwards.published[remote_socket] = local_socket

    def unpublish(self, remote_sockets: Iterable[str]) -> None:
        """Undoes ``publish``: they are not made again after the connection broke, either. Idempotent."""
        with self._opening:
            known = [("-R", f"{there}:{here}") for there in remote_sockets if (here := self._forwards.published.pop(there, ""))]
            if known and self._master is not None and self._master.alive():
                self._control(self._master, "cancel", known)

    def _establish(self, master: Master) -> None:
        """All sockets, as before a connection that broke."""
        assert master.engine is not None
        if self._forwards.published:
            self._clear(master, list(self._forwards.published))
        self._control(master, "forward", self._forwards.all(self._place().path, master.engine[1]))

    def _clear(self, master: Master, remote_sockets: Sequence[str]) -> None:
        """sshd makes no socket where there is one, and leaves its own behind when a connection breaks (sshd_config(5),
        StreamLocalBindUnlink)."""
        self._session(master, f"rm -f -- {shlex.join(remote_sockets)}", b"", CONTROL_SECONDS)

    def _withdraw(self, master: Master) -> None:
        if self._forwards.published and master.alive():
            self._session(master, f"rm -f -- {shlex.join(self._forwards.published)}", b"", WITHDRAW_SECONDS)

    def _control(self, master: Master, verb: str, forwards: Sequence[tuple[str, str]]) -> None:
        for first in range(0, len(forwards), MOST_FORWARDS):
            some = forwards[first : first + MOST_FORWARDS]
            ended = run(arguments.control(self._place().path, verb, some), self._marked(), b"", CONTROL_SECONDS)
            if ended is None or ended.code:
                raise self._control_failed(master, ended)

    def _control_failed(self, master: Master, ended: Ended | None) -> HostUnreachable:
        if not master.alive(ENDED_SECONDS):
            return self._broken(master)
        said = failures.last_words(ended.lines) if ended else ""
        reason = said or failures.last_words(master.words) or "no answer"
        return HostUnreachable(f"sshd of host {self.name} does not forward: {reason}", failures.FORWARDING_HINT)

    # commands

    def run(self, command: str, input: bytes = b"", *, timeout_seconds: float = 60.0) -> tuple[int, bytes, str]:
        """``command`` for a POSIX shell there, in one line: (exit code, standard output, standard error). HostUnreachable where its
        outcome is not known: the connection broke, or it did not end in time."""
        with self._sessions:
            ended = self._session(self.open(), command, input, timeout_seconds)
            if ended is not None and not ended.begun:
                self.connected(ENDED_SECONDS)  # one that has just ended is not used again
                ended = self._session(self.open(), command, input, timeout_seconds)
        if ended is None:
            raise HostUnreachable(f"host {self.name} did not answer a command within {timeout_seconds:.0f} s", self._hint)
        if ended.code == SSH_FAILED and (not ended.begun or not self.connected(ENDED_SECONDS)):
            raise self._broken(self._master)
        return ended.code, ended.output, ended.errors.decode("utf-8", errors="replace")

    def _session(self, master: Master, command: str, input: bytes, seconds: float) -> Ended | None:
        return run(arguments.session(self._place().path, command), self._marked(), input, seconds)

    def _broken(self, master: Master | None) -> HostUnreachable:
        said = failures.last_words(master.words) if master else ""
        return HostUnreachable(f"the connection to host {self.name} broke" + (f": {said}" if said else ""), self._hint)

    @property
    def _engine_hint(self) -> str:
        return f"start it there (systemctl start docker); looma host check {self.name} says more"

    @property
    def _hint(self) -> str:
        return f"looma host check {self.name}, or see what ssh itself says: ssh {self.address.destination} true"
