"""Where a repository is: a local directory, a directory over SFTP, or a bucket of an S3 server."""

from __future__ import annotations

import os
import re
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from looma_cli.errors import InvalidValue, RepositoryUnreachable

CONNECT_SECONDS = 10
HINT = "give a directory, sftp:user@host:/path, sftp://user@host:port//path or s3:https://host/bucket/prefix"
# A server that hangs is given up after two minutes, as restic's manual advises ("Preparing a new repository", SFTP).
SSH_SETTINGS = ("BatchMode=yes", f"ConnectTimeout={CONNECT_SECONDS}", "ServerAliveInterval=30", "ServerAliveCountMax=4")
_SCHEME = re.compile(r"[a-z0-9]+:")
_SCP_FORM = re.compile(r"(?:(?P<user>[^@/]+)@)?(?P<host>\[[^\]]+\]|[^:/\[\]]+):(?P<path>.+)")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True, slots=True)
class Location:
    """``text`` as it was given, ``restic`` as restic is told it; ``directory`` of a local one, ``ssh`` how the server of an SFTP one is
    reached, ``server`` (host, port) of an S3 one."""

    text: str
    restic: str
    directory: Path | None = None
    ssh: tuple[str, ...] = ()
    server: tuple[str, int] | None = None

    def probe(self, environment: Mapping[str, str]) -> None:
        """Raises RepositoryUnreachable where an S3 server takes no connection: restic itself may try for a quarter of an hour. Behind a
        proxy only that knows."""
        if self.server is None or any(environment.get(name) or environment.get(name.upper()) for name in _PROXIES):
            return
        try:
            socket.create_connection(self.server, timeout=CONNECT_SECONDS).close()
        except OSError as error:
            host, port = self.server
            raise RepositoryUnreachable(
                f"the repository {self.text} cannot be reached: {host}:{port}: {error.strerror or error}", "look whether its server runs"
            ) from error


def parse(text: str) -> Location:
    """Raises InvalidValue."""
    if text.startswith("sftp:"):
        return Location(text, text, ssh=_ssh(text))
    if text.startswith("s3:"):
        return Location(text, text, server=_server(text))
    if not text.strip() or "\0" in text or _SCHEME.match(text):
        raise InvalidValue(f"{text!r} is no place for backups", HINT)
    directory = Path(os.path.abspath(text))
    return Location(text, f"local:{directory}", directory=directory)


def _ssh(text: str) -> tuple[str, ...]:
    """The command that opens an SFTP session there: restic's own has no limit on connecting, and none on a server that hangs."""
    user, host, port = _sftp_url(text) if text.startswith("sftp://") else _scp_form(text)
    for word in (user, host):
        if word.startswith("-") or any(letter.isspace() for letter in word):
            raise InvalidValue(f"{text!r} is no place for backups", HINT)
    settings = [word for setting in SSH_SETTINGS for word in ("-o", setting)]
    return ("ssh", *settings, *(["-p", str(port)] if port else []), *(["-l", user] if user else []), host, "-s", "sftp")


def _sftp_url(text: str) -> tuple[str, str, int | None]:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise InvalidValue(f"{text!r} is no place for backups: {error}", HINT) from error
    if not url.hostname or len(url.path) < 2:
        raise InvalidValue(f"{text!r} is no place for backups", HINT)
    return url.username or "", url.hostname, port


def _scp_form(text: str) -> tuple[str, str, int | None]:
    match = _SCP_FORM.fullmatch(text.removeprefix("sftp:"))
    if match is None:
        raise InvalidValue(f"{text!r} is no place for backups", HINT)
    return match["user"] or "", match["host"].strip("[]"), None


def _server(text: str) -> tuple[str, int]:
    address = text.removeprefix("s3:")
    url = urlsplit(address if re.match("https?://", address) else f"https://{address.lstrip('/')}")
    try:
        port = url.port
    except ValueError as error:
        raise InvalidValue(f"{text!r} is no place for backups: {error}", HINT) from error
    if not url.hostname or not url.path.strip("/"):
        raise InvalidValue(f"{text!r} names no server and bucket", HINT)
    return url.hostname, port or (80 if url.scheme == "http" else 443)


def ssh_options(*locations: Location) -> list[str]:
    """restic's option for how ssh is started. It holds for all repositories of one command, so two different servers do without."""
    commands = {location.ssh for location in locations if location.ssh}
    return ["-o", f"sftp.command={shlex.join(commands.pop())}"] if len(commands) == 1 else []
