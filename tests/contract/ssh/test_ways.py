"""Ways to a host that only the user's ssh_config knows, and learning the key at their end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from looma_cli.adapters.ssh import SshConnection, scan
from looma_cli.errors import HostKeyChanged, HostUnreachable, InvalidValue
from tests.contract.servers import free_port
from tests.contract.ssh.servers import USER, Client, Sshd, fingerprint, new_key
from tests.contract.ssh.test_connection import Connect, lose
from tests.contract.ssh.test_deaths import marked

Start = Callable[..., Sshd]


def jumping(client: Client, jump: Sshd, far: Sshd) -> None:
    """``far`` is a name that only the configuration knows, behind ``jump``."""
    own = f"User {USER}\n IdentityFile {client.key}\n UserKnownHostsFile {client.folder}/known_hosts"
    client.configure(
        f"Host jump\n HostName 127.0.0.1\n Port {jump.port}\n {own}\n"
        f"Host inner\n HostName 127.0.0.1\n Port {far.port}\n ProxyJump jump\n {own}"
    )


@pytest.fixture
def far(client: Client, server: Sshd, start: Start) -> Sshd:
    far = start("inner")
    client.trust(server)
    jumping(client, server, far)
    return far


def test_a_host_behind_a_jump_host(connect: Connect, client: Client, server: Sshd, far: Sshd) -> None:
    connection = connect("ssh://inner", far.host_key)
    assert connection.run("echo there")[1] == b"there\n"
    assert "Accepted publickey" in server.log
    assert "Accepted publickey" in far.log
    (directory,) = client.directories()
    connection.close()
    assert marked(directory) == []


def test_a_jump_host_that_breaks_breaks_the_connection(connect: Connect, server: Sshd, far: Sshd) -> None:
    connection = connect("ssh://inner", far.host_key, first_seconds=0.0, again_seconds=0.0)
    connection.open()
    lose(connection, server)
    with pytest.raises(HostUnreachable, match=r"host far cannot be reached: .*refused"):
        connection.run("true")
    server.start()
    assert connect("ssh://inner", far.host_key).run("echo back")[1] == b"back\n"


def test_a_jump_host_whose_key_nobody_knows_is_not_trusted(connect: Connect, client: Client, far: Sshd) -> None:
    (client.folder / "known_hosts").unlink()
    with pytest.raises(HostUnreachable, match=r"[Hh]ost key verification failed|No .* host key is known") as failure:
        connect("ssh://inner", far.host_key, first_seconds=0.0).run("true")
    assert not isinstance(failure.value, HostKeyChanged)
    assert "jump host" in failure.value.hint


def test_a_key_is_learnt_behind_a_jump_host_and_nobody_is_let_in(client: Client, server: Sshd, far: Sshd) -> None:
    known = (client.folder / "known_hosts").read_text()
    found = scan("ssh://inner", client.environment)
    assert (found.key, found.fingerprint) == (far.host_key, fingerprint(far.folder / "host"))
    assert "Accepted" not in far.log
    assert "publickey" not in far.log
    assert (client.folder / "known_hosts").read_text() == known
    assert client.directories() == []


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_keys_of_all_types_are_learnt_and_then_let_in(connect: Connect, client: Client, server: Sshd, kind: str) -> None:
    server.stop()
    key = new_key(server.folder / "host", kind)
    server.start()
    assert scan(server.url, client.environment).key == key
    assert connect(host_key=scan(server.url, client.environment).key).run("echo in")[1] == b"in\n"


def test_nothing_is_learnt_where_nobody_answers(client: Client) -> None:
    with pytest.raises(HostUnreachable, match=r"host 127.0.0.1 cannot be reached: .*refused"):
        scan(f"ssh://root@127.0.0.1:{free_port()}", client.environment)
    with pytest.raises(InvalidValue):
        scan("ssh://-oProxyCommand=touch%20x", client.environment)


def test_a_name_that_nobody_knows(connect: Connect) -> None:
    with pytest.raises(HostUnreachable, match=r"host far cannot be reached: .*nosuchhost.invalid"):
        connect("ssh://root@nosuchhost.invalid").run("true")


def test_an_ssh_config_that_ssh_refuses_is_what_is_said(connect: Connect, client: Client, tmp_path: Path) -> None:
    client.configure("NoSuchOption yes")
    with pytest.raises(HostUnreachable, match=r"host far cannot be reached: .*bad configuration option"):
        connect().run("true")


def test_a_chatty_shell_does_not_disturb(connect: Connect, start: Start) -> None:
    """What sshd runs instead of the command stands for a log-in shell with much to say."""
    chatty = start("chatty", "PasswordAuthentication no\nForceCommand echo hello; printf 'no line end '; eval \"$SSH_ORIGINAL_COMMAND\"")
    connection = connect(chatty.url, chatty.host_key)
    assert connection.run("echo mine")[1].endswith(b"mine\n")
    assert isinstance(connection, SshConnection)
