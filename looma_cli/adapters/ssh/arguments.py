"""What ssh is told. Options on its command line win over ~/.ssh/config (ssh_config(5): the first obtained value is used)."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from looma_cli.model.host import HostKey
from looma_cli.model.ssh import KEY_TYPES, SshAddress

CONNECT_SECONDS = 10
# A connection ends 35 to 40 s after the last byte that came: 20 s of lost packets are over before that, retransmission included.
ALIVE_SECONDS, ALIVE_MOST = 5, 7
# The name under which the host's key is looked up. No machine is called so, hence a message with it is never about a jump host.
ALIAS = "looma-pinned-host"
CONTROL, KNOWN_HOSTS = "c", "known_hosts"
_COMMON = (
    "BatchMode=yes",  # what would be asked for fails at once
    f"ConnectTimeout={CONNECT_SECONDS}",
    "ConnectionAttempts=1",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",  # the forwards of ~/.ssh/config are for people
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "LogLevel=INFO",
    "GlobalKnownHostsFile=/dev/null",
    "KnownHostsCommand=none",
    "UpdateHostKeys=no",
    "CheckHostIP=no",
    "VerifyHostKeyDNS=no",
    f"HostKeyAlias={ALIAS}",
)
_ALIVE = (
    f"ServerAliveInterval={ALIVE_SECONDS}",
    f"ServerAliveCountMax={ALIVE_MOST}",
    "ControlMaster=yes",
    "ControlPersist=no",
    "StreamLocalBindUnlink=yes",
    "StreamLocalBindMask=0177",
    "ExitOnForwardFailure=no",
)
# For learning a key nobody has to be let in, and nothing of this user's is shown to a machine that nobody vouches for.
_NO_LOGIN = (
    "PreferredAuthentications=none",
    *(f"{way}Authentication=no" for way in ("Pubkey", "Password", "KbdInteractive", "GSSAPI", "Hostbased")),
    "ControlMaster=no",
    "ControlPath=none",
    "StrictHostKeyChecking=accept-new",
    "HashKnownHosts=no",
    "HostKeyAlgorithms=" + ",".join(KEY_TYPES.values()),
)
# A program that speaks to the master alone: without one it must not find another way.
_THROUGH_MASTER = ("ControlMaster=no", "ProxyCommand=false", "BatchMode=yes", "LogLevel=ERROR")


def master(address: SshAddress, key: HostKey, directory: Path, command: str) -> list[str]:
    """The connection itself, with the first command that runs over it."""
    algorithms = KEY_TYPES[key.key.split()[0]]
    own = ("StrictHostKeyChecking=yes", f"HostKeyAlgorithms={algorithms}", f"ControlPath={directory / CONTROL}")
    known = f"UserKnownHostsFile={directory / KNOWN_HOSTS}"
    return ["ssh", "-T", *_options(_COMMON), *_options(_ALIVE), *_options((*own, known)), *_destination(address), "--", posix(command)]


def scanning(address: SshAddress, directory: Path) -> list[str]:
    """Learns the host's key into a file of its own; nobody is let in."""
    known = f"UserKnownHostsFile={directory / KNOWN_HOSTS}"
    return ["ssh", "-T", *_options(_COMMON), *_options(_NO_LOGIN), *_options((known,)), *_destination(address), "--", "exit 0"]


def session(directory: Path, command: str) -> list[str]:
    """One command over the master's connection."""
    return [*_through(directory), "-T", ALIAS, "--", posix(command)]


def control(directory: Path, verb: str, forwards: Iterable[Sequence[str]]) -> list[str]:
    """``forward`` or ``cancel``, of any number of ("-L" or "-R", "from:to")."""
    return [*_through(directory), "-O", verb, *(word for forward in forwards for word in forward), ALIAS]


def _through(directory: Path) -> list[str]:
    return ["ssh", "-F", "/dev/null", "-S", str(directory / CONTROL), *_options(_THROUGH_MASTER)]


def posix(command: str) -> str:
    """For whatever log-in shell the user has there: all of them know single quotes."""
    return f"exec sh -c {shlex.quote(command)}"


def _options(settings: Iterable[str]) -> list[str]:
    return [word for setting in settings for word in ("-o", setting)]


def _destination(address: SshAddress) -> list[str]:
    user = ["-l", address.user] if address.user else []
    port = ["-p", str(address.port)] if address.port is not None else []
    return [*user, *port, address.name]
