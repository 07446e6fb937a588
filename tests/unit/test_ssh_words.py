"""What ssh says, and what it means: words of OpenSSH 8.5 to 9.9, as they stand in its logs."""

from __future__ import annotations

import pytest

from looma_cli.adapters.ssh.arguments import ALIAS
from looma_cli.adapters.ssh.failures import NotNow, changed, key_changed, last_words, offered_fingerprint, unreachable
from looma_cli.adapters.ssh.master import one_line
from looma_cli.adapters.ssh.program import Ended
from looma_cli.errors import HostUnreachable
from looma_cli.model.ssh import public_key
from tests.unit.test_ssh_addresses import KEY

OFFERED = "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM"
CHANGED = [
    "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
    "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @",
    "The fingerprint for the ED25519 key sent by the remote host is",
    f"{OFFERED}.",
    "Please contact your system administrator.",
    f"Host key for {ALIAS} has changed and you have requested strict checking.",
    "Host key verification failed.",
]


@pytest.mark.parametrize(
    ("words", "passes"),
    [
        (["ssh: connect to host far port 22: Connection refused"], True),
        (["ssh: connect to host far port 22: Connection timed out"], True),
        (["ssh: connect to host far port 22: No route to host"], True),
        (["kex_exchange_identification: read: Connection reset by peer", "Connection reset by 10.0.0.2 port 22"], True),
        (["Connection timed out during banner exchange"], True),
        (["Connection closed by 10.0.0.2 port 22"], True),
        (["ssh: Could not resolve hostname far: Name or service not known"], False),
        (["root@far: Permission denied (publickey,password)."], False),
        (["Received disconnect from 10.0.0.2 port 22:2: Too many authentication failures"], False),
        (["~/.ssh/config: line 1: Bad configuration option: nosuch", "~/.ssh/config: terminating, 1 bad configuration options"], False),
        (["Bad owner or permissions on /root/.ssh/config"], False),
        (["Unable to negotiate with 10.0.0.2 port 22: no matching cipher found. Their offer: 3des-cbc"], False),
    ],
)
def test_what_may_pass_by_itself_and_what_does_not(words: list[str], passes: bool) -> None:
    error = unreachable("far", "root@far", words, "nothing")
    assert isinstance(error, NotNow) == passes
    assert error.message == f"host far cannot be reached: {words[-1]}"
    assert (error.code, error.exit_code) == ("host_unreachable", 7)
    assert "root@far" in error.hint


def test_the_reason_stands_before_what_followed_from_it() -> None:
    refused = "ssh: connect to host jump port 22: Connection refused"
    beyond = ["kex_exchange_identification: Connection closed by remote host", "Connection closed by UNKNOWN port 65535"]
    assert last_words([refused, *beyond]) == refused
    assert last_words(beyond) == beyond[0]
    assert last_words(["Warning: Permanently added 'far' (ED25519) to the list of known hosts."]) == ""
    assert unreachable("far", "far", [], "no answer within 25 s").message.endswith(": no answer within 25 s")


def test_a_changed_key_is_known_by_our_own_name_for_it() -> None:
    assert key_changed(CHANGED)
    assert offered_fingerprint(CHANGED) == OFFERED
    assert key_changed(["Unable to negotiate with 10.0.0.2 port 22: no matching host key type found. Their offer: rsa-sha2-512"])
    of_jump_host = [line.replace(ALIAS, "jump") for line in CHANGED]
    assert not key_changed(of_jump_host)
    assert "jump host" in unreachable("far", "root@far", of_jump_host, "").hint
    assert changed("far", public_key(KEY), None).details == {"pinned": public_key(KEY).fingerprint, "offered": None}


@pytest.mark.parametrize(
    ("code", "errors", "begun"),
    [
        (255, b"mux_client_request_session: session request failed: Session open refused by peer\r\n", False),
        (255, b"Control socket connect(/tmp/x/c): No such file or directory\r\n", False),
        (255, b"mux_client_request_session: read from master failed: Broken pipe\r\n", True),
        (255, b"the command's own words\n", True),
        (1, b"Control socket connect\n", True),
    ],
)
def test_whether_a_command_had_begun(code: int, errors: bytes, begun: bool) -> None:
    assert Ended(code, b"", errors).begun == begun


def test_foreign_words_are_fit_for_a_terminal() -> None:
    assert one_line(b"\x1b[31mred\x07\tand \xff\r") == "[31mred and \ufffd"
    assert isinstance(unreachable("far", "far", ["Permission denied (publickey)."], ""), HostUnreachable)
