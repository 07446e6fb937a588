"""Addresses and keys of hosts as a person types them: what is taken, and that nothing can pass for an option or a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from looma_cli.adapters.ssh import arguments
from looma_cli.errors import InvalidValue
from looma_cli.model.ssh import SshAddress, public_key, ssh_address

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"  # GitHub's, as it publishes it


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ssh://root@far", SshAddress("root", "far")),
        ("ssh://root@far:2222", SshAddress("root", "far", 2222)),
        ("ssh://far", SshAddress("", "far")),
        ("ssh://far/", SshAddress("", "far")),
        ("ssh://deploy-1@db_2.example.com", SshAddress("deploy-1", "db_2.example.com")),
        ("ssh://root@10.77.0.11", SshAddress("root", "10.77.0.11")),
        ("ssh://root@[2001:DB8::1]:22", SshAddress("root", "2001:db8::1", 22)),
        ("ssh://[::1]", SshAddress("", "::1")),
    ],
)
def test_addresses(url: str, address: SshAddress) -> None:
    assert ssh_address(url) == address
    assert ssh_address(address.url) == address


@pytest.mark.parametrize(
    "url",
    [
        *("", "far", "local", "root@far", "http://far", "ssh://", "ssh://@far", "ssh://root@", "ssh:root@far", "SSH://root@far"),
        *("ssh://-oProxyCommand=touch", "ssh://root@-far", "ssh://-l@far", "ssh://root:secret@far", "ssh://root@far:", "ssh://root@far:0"),
        *("ssh://root@far:65536", "ssh://root@far:22:22", "ssh://root@far:-1", "ssh://root@far:+22", "ssh://root@far/path"),
        *("ssh://root@fa r", "ssh://root@far\n", "ssh://root@$(id)", "ssh://root@`id`", "ssh://root@far;id", "ssh://root@%h", "ssh://root@a,b"),
        *("ssh://root@[::1", "ssh://root@::1", "ssh://root@[far]", "ssh://root@[fe80::1%eth0]", "ssh://root@[]", "ssh://r'@far", "ssh://рут@far"),
        *("ssh://a b@far", "ssh://root@far.", "ssh://root@" + "a" * 254, "ssh://" + "u" * 65 + "@far"),
        *("ssh://root@far#x", "ssh://root@far?x", "ssh://root@١"),
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InvalidValue) as failure:
        ssh_address(url)
    assert "\n" not in failure.value.message
    assert failure.value.hint


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_taken_stays_one_word_that_is_no_option(user: str, name: str) -> None:
    try:
        address = ssh_address(f"ssh://{user}@{name}")
    except InvalidValue:
        return
    words = arguments._destination(address)
    assert words[-1] == address.name
    assert words[:1] == ["-l"]
    for word in (address.user, address.name):
        assert word[0] not in "-%"
        assert not set(word) & set(" \t\n'\"`$;&|<>(){}*?!#\\,=%/@")


def test_a_key_and_its_fingerprint() -> None:
    found = public_key(f"{KEY} github.com\n")
    assert found.key == KEY
    assert found.fingerprint == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"  # as GitHub documents it


@pytest.mark.parametrize(
    "text",
    [
        *("", "ssh-ed25519", KEY.split()[1], f"ssh-dss {KEY.split()[1]}", f"ssh-rsa {KEY.split()[1]}"),
        *("ssh-ed25519 AAAA", "ssh-ed25519 !!!!", f"@cert-authority * {KEY}", f"far {KEY}", f"-{KEY}"),
    ],
)
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(InvalidValue):
        public_key(text)


def test_a_command_reaches_a_posix_shell_as_it_is() -> None:
    import subprocess

    command = arguments.posix("""printf '%s|' "$0" 'it'"'"'s' "\\$x" a\\ b""")
    assert subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout == "sh|it's|$x|a b|"
