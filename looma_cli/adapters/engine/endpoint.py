"""Where the container engine listens: the same answer for the API client and for every docker child process."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from looma_cli.errors import EngineUnavailable, InvalidValue

DEFAULT_URL = "unix:///var/run/docker.sock"


def resolve(docker_host: str | None, environment: Mapping[str, str]) -> str:
    """The engine's URL: the setting, then DOCKER_HOST, then the docker context in use, then the default socket.

    The order is the docker command's own, so that looma and ``docker ps`` always mean the same engine.
    """
    return docker_host or environment.get("DOCKER_HOST") or _of_context(environment) or DEFAULT_URL


def _of_context(environment: Mapping[str, str]) -> str | None:
    """The URL that ``docker context use`` chose; None for the context ``default`` and for one that cannot be read."""
    directory = configuration_directory(environment)
    name = environment.get("DOCKER_CONTEXT") or _read_json(directory / "config.json").get("currentContext")
    if not name or name == "default":
        return None
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = _read_json(directory / "contexts" / "meta" / digest / "meta.json")
    return meta.get("Endpoints", {}).get("docker", {}).get("Host")


def configuration_directory(environment: Mapping[str, str]) -> Path:
    """The docker command's own configuration directory."""
    return Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or "/") / ".docker")


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def connect(url: str, environment: Mapping[str, str], timeout_seconds: float) -> http.client.HTTPConnection:
    """A connection (not yet opened) to the engine at ``unix://`` or ``tcp://``. Raises InvalidValue for another scheme."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return UnixConnection(parts.path, timeout_seconds)
    if parts.scheme in ("tcp", "http") and parts.hostname:
        return _tcp(parts.hostname, parts.port, environment, timeout_seconds)
    raise InvalidValue(f"the engine's address {url!r} is not one that looma can use", "give unix:///path or tcp://host:port")


def _tcp(host: str, port: int | None, environment: Mapping[str, str], timeout: float) -> http.client.HTTPConnection:
    if not environment.get("DOCKER_TLS_VERIFY"):
        return http.client.HTTPConnection(host, port or 2375, timeout=timeout)
    directory = Path(environment.get("DOCKER_CERT_PATH") or configuration_directory(environment))
    try:
        context = ssl.create_default_context(cafile=str(directory / "ca.pem"))
        context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    except OSError as error:
        raise EngineUnavailable(f"the engine's TLS files in {directory} cannot be used: {error}", "check DOCKER_CERT_PATH") from error
    return http.client.HTTPSConnection(host, port or 2376, timeout=timeout, context=context)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.close()
            raise
