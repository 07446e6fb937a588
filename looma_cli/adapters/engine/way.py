"""How an engine is reached: at a URL of this machine's, or over a connection to its host that is opened first."""

from __future__ import annotations

from typing import Protocol

from looma_cli.errors import EngineUnavailable, LoomaError

START_HINT = "start it (systemctl start docker), or point DOCKER_HOST at one that runs; looma doctor says more"
GROUP_HINT = "run: sudo usermod -aG docker $(id -un), then log in again"
BUSY_HINT = "look whether the engine is overloaded or hangs: docker info"


class Way(Protocol):
    """What the API's client and the docker programs need of whatever lies between them and the engine."""

    @property
    def engine_url(self) -> str:
        """``unix://…`` or ``tcp://…``, for a client of this machine's; answers once the way is open."""
        ...

    @property
    def place(self) -> str:
        """Where the engine is, as messages say it: ``at unix:///…``, ``on host NAME``."""
        ...

    def open(self) -> object:
        """Ready for a connection afterwards; what ``check`` takes. Raises HostUnreachable."""
        ...

    def check(self, opened: object, *, failed: bool = False) -> None:
        """Raises HostUnreachable where what was opened is not what is used now: what has ended in between may have ended early. With
        ``failed`` the way may have broken just now, which takes a moment to be known."""
        ...

    def engine_failure(self, error: BaseException) -> LoomaError:
        """What a broken, refused or silent connection means for the operator."""
        ...


class Direct:
    """Nothing lies between."""

    def __init__(self, url: str) -> None:
        self.engine_url = url

    @property
    def place(self) -> str:
        return f"at {self.engine_url}"

    def open(self) -> None:
        return None

    def check(self, opened: object, *, failed: bool = False) -> None:
        return None

    def engine_failure(self, error: BaseException) -> LoomaError:
        return unavailable(self.engine_url, error)


def way_to(engine: str | Way) -> Way:
    """A URL is a way of its own."""
    return Direct(engine) if isinstance(engine, str) else engine


def unavailable(url: str, error: BaseException) -> EngineUnavailable:
    """What a broken, refused or silent connection to the engine at a URL means for the operator."""
    if isinstance(error, PermissionError):
        return EngineUnavailable(f"this user may not use the container engine at {url}", GROUP_HINT)
    if isinstance(error, TimeoutError):
        return EngineUnavailable(f"the container engine at {url} does not answer in time", BUSY_HINT)
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return EngineUnavailable(f"no container engine answers at {url}", START_HINT)
    return EngineUnavailable(f"the connection to the container engine at {url} broke: {error or type(error).__name__}", START_HINT)
