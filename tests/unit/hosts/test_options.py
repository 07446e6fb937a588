"""What a person types about a host: read, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from looma_cli.errors import InvalidValue
from looma_cli.model import host_options
from looma_cli.model.host import Capacity, Host, fingerprint_of

GIB = 1 << 30


@pytest.mark.parametrize(
    ("read", "text", "meaning"),
    [
        (host_options.label, "zone=a", ("zone", "a")),
        (host_options.label, "example.com/rack=7.b_c", ("example.com/rack", "7.b_c")),
        (host_options.label, "spare=", ("spare", "")),
        (host_options.labels, "zone=a,disk=ssd", {"zone": "a", "disk": "ssd"}),
        (host_options.labels, "zone=a,zone=a", {"zone": "a"}),
        (host_options.capacity, "cpus=8,memory=32G,disk=500G", Capacity(8, 32 * GIB, 500 * GIB)),
        (host_options.capacity, "memory=1.5GiB", Capacity(0, 3 * GIB // 2, 0)),
        (host_options.capacity, "cpus=0.5, disk=2t", Capacity(0.5, 0, 2048 * GIB)),
        (host_options.capacity, "memory=1048576", Capacity(0, 1 << 20, 0)),
        (host_options.public_address, "10.0.0.1", "10.0.0.1"),
        (host_options.public_address, "2001:DB8::0:1", "2001:db8::1"),
        (host_options.public_address, "crm.example.com", "crm.example.com"),
        (host_options.fingerprint, "SHA256:" + "aB3+/" * 8 + "xyz", "SHA256:" + "aB3+/" * 8 + "xyz"),
    ],
)
def test_what_is_typed_is_read(read: Callable[[str], Any], text: str, meaning: Any) -> None:
    assert read(text) == meaning


BAD_LABELS = ["", "zone", "=a", "a b=c", "zone=a b", "zone=$(id)", "-x=y", "zone=a\n", "z" * 70 + "=a", "zone=" + "a" * 70]
BAD_SIZES = ["", "8", "cpus", "cpus=", "cpus=x", "cpus=0", "memory=0G", "memory=-1G", "memory=1E", "memory=1G,memory=2G", "ram=1G"]
BAD_SIZES += ["disk=9999999999T", "disk=999999999T"]
BAD_ADDRESSES = ["", "a b", "-x", "1.2.3.4.5", "http://x", "x/y", "UPPER.example", "a..b", "x" * 300, "10.0.0.1:80"]
BAD_FINGERPRINTS = ["", "SHA256:", *(f"SHA256:{text}" for text in ("a" * 42, "a" * 44, "a" * 42 + "="))]
BAD_FINGERPRINTS += ["MD5:" + "a" * 43, "sha256:" + "a" * 43]


@pytest.mark.parametrize(
    ("read", "text"),
    [
        *((host_options.labels, text) for text in BAD_LABELS),
        *((host_options.capacity, text) for text in BAD_SIZES),
        *((host_options.public_address, text) for text in BAD_ADDRESSES),
        *((host_options.fingerprint, text) for text in BAD_FINGERPRINTS),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        read(text)
    assert "\n" not in refused.value.message
    assert refused.value.hint


def test_a_fingerprint_is_as_ssh_keygen_prints_it() -> None:
    """Which printed this one, of a key that a well-known forge has published."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    assert fingerprint_of(key) == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


def test_a_size_is_what_is_declared_and_else_what_was_measured() -> None:
    measured, declared = Capacity(4, 8 * GIB, 100 * GIB), Capacity(0, 4 * GIB, 0)
    assert Host("h", "u", "a").size is None
    assert Host("h", "u", "a", capacity=measured).size == measured
    assert Host("h", "u", "a", declared=declared).size == declared
    assert Host("h", "u", "a", capacity=measured, declared=declared).size == Capacity(4, 4 * GIB, 100 * GIB)


@pytest.mark.parametrize(
    ("status", "cordoned", "word"),
    [("ready", False, "ready"), ("ready", True, "cordoned"), ("unknown", True, "cordoned"), ("unreachable", True, "unreachable")],
)
def test_one_word_says_how_a_host_stands(status: str, cordoned: bool, word: str) -> None:
    assert Host("h", "u", "a", status=status, cordoned=cordoned).standing == word
