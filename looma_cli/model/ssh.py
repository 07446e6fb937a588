"""Addresses and keys of hosts that are reached over SSH: what a person types, checked before any program sees it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from looma_cli.errors import InvalidValue
from looma_cli.model.host import HostKey, fingerprint_of
from looma_cli.model.validation import shown

ADDRESS_HINT = "write ssh://user@name or ssh://user@name:port; an IPv6 address in brackets"
KEY_HINT = "a key's type and its base64, as in a known_hosts file: ssh-ed25519 AAAAC3Nza…"
_URL = re.compile(r"ssh://(?:(?P<user>[^@/\[\]]*)@)?(?P<name>\[[^\[\]/@]*\]|[^@:/\[\]]+)(?::(?P<port>[0-9]{1,5}))?/?")
# Neither begins with a hyphen, and no letter means anything to a shell or to ssh (its "%" and "," included).
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
# Type of a host's key (RFC 4253, 5656, 8709; OpenSSH's PROTOCOL.u2f) -> the algorithms by which a host proves to have it (RFC 8332).
KEY_TYPES = {
    "ssh-ed25519": "ssh-ed25519",
    "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384": "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521": "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com": "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com": "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa": "rsa-sha2-512,rsa-sha2-256",
}


@dataclass(frozen=True, slots=True)
class SshAddress:
    """``name`` is a DNS name, an address (IPv6 without brackets) or a ``Host`` of the user's ~/.ssh/config; an empty ``user`` and no
    ``port`` are what that file, or ssh itself, says."""

    user: str
    name: str
    port: int | None = None

    @property
    def url(self) -> str:
        """The one way to write it."""
        user = f"{self.user}@" if self.user else ""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"ssh://{user}{name}" + (f":{self.port}" if self.port is not None else "")

    @property
    def destination(self) -> str:
        """As a person gives it to ssh: ``-p 2222 root@name``."""
        user = f"{self.user}@" if self.user else ""
        return (f"-p {self.port} " if self.port is not None else "") + user + self.name


def ssh_address(url: str) -> SshAddress:
    """``ssh://[user@]name[:port]``. Raises InvalidValue."""
    found = _URL.fullmatch(url)
    if found is None:
        raise InvalidValue(f"{shown(url)} is not a host's address", ADDRESS_HINT)
    user, port = found["user"], int(found["port"]) if found["port"] else None
    if user is not None and not _USER.fullmatch(user):
        raise InvalidValue(f"{shown(user)} is not a user for SSH", "letters, digits, dots, hyphens, underscores; no password")
    if port is not None and not 1 <= port <= 65535:
        raise InvalidValue(f"{port} is not a port", "a number from 1 to 65535")
    return SshAddress(user or "", _name(found["name"]), port)


def _name(text: str) -> str:
    if text.startswith("["):
        return _ipv6(text[1:-1])
    if not _NAME.fullmatch(text):
        raise InvalidValue(f"{shown(text)} is not a machine's name", ADDRESS_HINT)
    return text


def _ipv6(text: str) -> str:
    from ipaddress import AddressValueError, IPv6Address

    try:
        address = IPv6Address(text)
    except AddressValueError as error:
        raise InvalidValue(f"{shown(text)} is not an IPv6 address", ADDRESS_HINT) from error
    if address.scope_id:
        raise InvalidValue(f"{shown(text)} is an address of one link only", "give the host a Host of its own in ~/.ssh/config")
    return str(address)


def public_key(text: str) -> HostKey:
    """``TYPE BASE64`` with its fingerprint; what follows them (a comment) is dropped. Raises InvalidValue, also for base64 of another
    type of key."""
    words = text.split()
    if len(words) < 2 or words[0] not in KEY_TYPES or not _is_key(words[0], words[1]):
        raise InvalidValue(f"{shown(text)} is not a host's key", KEY_HINT)
    key = " ".join(words[:2])
    return HostKey(key, fingerprint_of(key))


def _is_key(type: str, text: str) -> bool:
    """A key begins with the name of its type (RFC 4253, 6.6)."""
    import base64

    try:
        blob = base64.b64decode(text, validate=True)
    except ValueError:
        return False
    name = type.encode()
    return blob.startswith(len(name).to_bytes(4, "big") + name)
