"""What a person can type about a host, checked before anything is touched; see ``validation``, and ``ssh`` for its URL."""

from __future__ import annotations

import re

from looma_cli.errors import InvalidValue
from looma_cli.model.host import Capacity
from looma_cli.model.validation import shown

# As of Kubernetes' labels, which people know: "Labels and Selectors", Syntax and character set.
_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_CPUS = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,2})?")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")  # of 256 bits in base64 without padding: ssh-keygen(1), -l
_DNS = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_CAPACITY_HINT = "write it like cpus=8,memory=32G,disk=500G; what is left out is measured"
LARGEST_BYTES = 1 << 60


def label(text: str) -> tuple[str, str]:
    """``KEY=VALUE``; the value may be empty. Raises InvalidValue."""
    key, equals, value = text.partition("=")
    if not equals or not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
        raise InvalidValue(
            f"{shown(text)} is not a label", "write it as KEY=VALUE with letters, digits, dots, hyphens and underscores: zone=a"
        )
    return key, value


def labels(text: str) -> dict[str, str]:
    """``KEY=VALUE``, or several with commas between. Raises InvalidValue, also for a key with two values."""
    found: dict[str, str] = {}
    for key, value in map(label, text.split(",")):
        if found.setdefault(key, value) != value:
            raise InvalidValue(f"{shown(text)} gives {key} two values", "give each label once")
    return found


def merged(several: list[dict[str, str]]) -> dict[str, str]:
    """The labels of a repeated option as one. Raises InvalidValue for a key with two values."""
    return labels(",".join(f"{key}={value}" for each in several for key, value in each.items())) if any(several) else {}


def capacity(text: str) -> Capacity:
    """``cpus=8,memory=32G,disk=500G``: each at most once, 0 where it is left out. Units are powers of 1024. Raises InvalidValue."""
    found: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = part.strip().partition("=")
        if not equals or key not in ("cpus", "memory", "disk") or key in found:
            raise InvalidValue(f"{shown(text)} is not a capacity", _CAPACITY_HINT)
        found[key] = value
    return Capacity(_cpus(found.get("cpus")), _bytes(found.get("memory")), _bytes(found.get("disk")))


def _cpus(text: str | None) -> float:
    if text is None:
        return 0.0
    if not _CPUS.fullmatch(text) or not float(text):
        raise InvalidValue(f"{shown(text)} is not a number of CPUs", _CAPACITY_HINT)
    return float(text)


def _bytes(text: str | None) -> int:
    if text is None:
        return 0
    match = _SIZE.fullmatch(text)
    amount = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if not 0 < amount <= LARGEST_BYTES:
        raise InvalidValue(f"{shown(text)} is not a size", _CAPACITY_HINT)
    return amount


def public_address(text: str) -> str:
    """What URLs of tenants show: an IP address or a DNS name in lower case. Raises InvalidValue."""
    from ipaddress import ip_address

    try:
        return str(ip_address(text))
    except ValueError:
        pass
    if not _DNS.fullmatch(text) or text.rpartition(".")[2].isdigit():
        raise InvalidValue(f"{shown(text)} is not an address", "give an IP address or a DNS name, as customers reach the host")
    return text


def fingerprint(text: str) -> str:
    """``SHA256:…`` as ``ssh-keygen -lf`` prints it. Raises InvalidValue."""
    if not _FINGERPRINT.fullmatch(text):
        raise InvalidValue(
            f"{shown(text)} is not the fingerprint of a key", "it looks like SHA256: and 43 letters and digits; ssh-keygen -lf prints it"
        )
    return text
