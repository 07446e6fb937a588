"""SshConnection on a real sshd: commands, sessions, what is refused, and what happens when it breaks."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from looma_cli.adapters.ssh import SshConnection
from looma_cli.errors import HostKeyChanged, HostUnreachable
from tests.contract.servers import free_port, wait_until
from tests.contract.ssh.servers import Client, Sshd, fingerprint, new_key

Connect = Callable[..., SshConnection]


def test_a_command_runs_there_with_its_input_and_tells_how_it_ended(connection: SshConnection) -> None:
    assert connection.run("cat; echo said >&2; exit 3", b"given\0\xff") == (3, b"given\0\xff", "said\n")
    assert connection.run("exit 255")[0] == 255
    assert connection.run("printf '%s' \"it's $((1 + 1))\"") == (0, b"it's 2", "")


def test_all_of_a_command_goes_over_one_connection(connection: SshConnection, server: Sshd, client: Client) -> None:
    for _ in range(3):
        connection.run("true")
    connection.forward([("127.0.0.1", 1)])
    assert server.log.count("Accepted publickey") == 1
    connection.close()
    assert client.directories() == []
    assert connection.run("echo again")[1] == b"again\n"
    assert server.log.count("Accepted publickey") == 2


def test_nothing_is_opened_before_it_is_needed(connect: Connect, client: Client) -> None:
    connect(f"ssh://nobody@127.0.0.1:{free_port()}").close()
    assert client.directories() == []


def test_more_commands_at_once_than_sshd_lets_in(connection: SshConnection) -> None:
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda number: connection.run(f"sleep 0.1; echo {number}"), range(40)))
    assert answers == [(0, f"{number}\n".encode(), "") for number in range(40)]


def test_a_command_that_takes_too_long_is_of_unknown_outcome(connection: SshConnection) -> None:
    connection.run("true")
    started = time.monotonic()
    with pytest.raises(HostUnreachable, match="host far did not answer a command within 1 s"):
        connection.run("sleep 30", timeout_seconds=1)
    assert time.monotonic() - started < 5
    assert connection.run("echo well")[1] == b"well\n"


# who is let in, and where


def test_another_key_than_the_pinned_one_is_refused_with_both_fingerprints(connect: Connect, server: Sshd, client: Client) -> None:
    pinned = server.host_key
    before = fingerprint(server.folder / "host")
    server.stop()
    new_key(server.folder / "host")
    server.start()
    with pytest.raises(HostKeyChanged) as failure:
        connect(host_key=pinned).run("true")
    offered = fingerprint(server.folder / "host")
    assert failure.value.message == f"host far shows another key than the one that is pinned: pinned {before}, offered {offered}"
    assert (failure.value.exit_code, failure.value.code) == (7, "host_key_changed")
    assert failure.value.details == {"pinned": before, "offered": offered}
    assert "Accepted" not in server.log


def test_a_key_of_another_type_is_another_key(connect: Connect, server: Sshd) -> None:
    pinned = server.host_key
    server.stop()
    new_key(server.folder / "host", "ecdsa")
    server.start()
    with pytest.raises(HostKeyChanged) as failure:
        connect(host_key=pinned).run("true")
    assert failure.value.details["offered"] == fingerprint(server.folder / "host")


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_keys_of_other_types_can_be_pinned(connect: Connect, server: Sshd, kind: str) -> None:
    server.stop()
    key = new_key(server.folder / "host", kind)
    server.start()
    assert connect(host_key=key).run("echo in")[1] == b"in\n"


def test_what_the_user_trusts_by_hand_is_not_asked(connect: Connect, server: Sshd, client: Client) -> None:
    client.trust(server)
    other = new_key(client.folder / "other")
    with pytest.raises(HostKeyChanged):
        connect(host_key=other).run("true")


def test_without_a_pinned_key_nobody_is_asked(connect: Connect, server: Sshd) -> None:
    with pytest.raises(HostUnreachable, match="no key of host far is pinned"):
        connect(host_key="").run("true")
    assert "Connection from" not in server.log


def test_a_password_that_is_asked_for_fails_at_once(connect: Connect, start: Callable[..., Sshd]) -> None:
    asking = start("asking", "PasswordAuthentication yes\nPubkeyAuthentication no")
    started = time.monotonic()
    with pytest.raises(HostUnreachable, match=r"host far cannot be reached: .*Permission denied \(password\)") as failure:
        connect(asking.url, asking.host_key).run("true")
    assert time.monotonic() - started < 5
    assert "ssh-copy-id" in failure.value.hint


def test_where_nobody_listens_it_is_tried_for_seconds_and_said(connect: Connect) -> None:
    port, started = free_port(), time.monotonic()
    connection = connect(f"ssh://root@127.0.0.1:{port}")
    with pytest.raises(HostUnreachable, match=r"host far cannot be reached: .*refused") as failure:
        connection.run("true")
    assert 2 < time.monotonic() - started < 8
    assert failure.value.hint == f"see what ssh itself says: ssh -p {port} root@127.0.0.1 true"


def test_threads_that_wait_for_the_same_host_share_its_failure(connect: Connect) -> None:
    connection, started = connect(f"ssh://root@127.0.0.1:{free_port()}", first_seconds=1.0), time.monotonic()

    def ask(_: int) -> str:
        with pytest.raises(HostUnreachable) as failure:
            connection.run("true")
        return failure.value.message

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert time.monotonic() - started < 6


def test_without_ssh_it_is_told_how_to_get_it(server: Sshd, client: Client) -> None:
    environment = {**client.environment, "PATH": str(client.folder)}
    with pytest.raises(HostUnreachable, match="ssh is not installed") as failure:
        SshConnection(server.url, server.host_key, "far", environment).run("true")
    assert "openssh-client" in failure.value.hint


# breaking


def lose(connection: SshConnection, server: Sshd) -> None:
    server.stop()
    wait_until(lambda: not connection.connected(), 5, what="the end of the connection")


def test_a_connection_that_broke_is_opened_anew_with_the_same_sockets(connection: SshConnection, server: Sshd) -> None:
    (path,) = connection.forward([("127.0.0.1", server.port)]).values()
    engine = connection.engine_url
    lose(connection, server)
    timer = threading.Timer(1.0, server.start)
    timer.start()
    assert connection.run("echo back")[1] == b"back\n"
    timer.join()
    assert greeting_at(path).startswith(b"SSH-2.0")
    assert connection.engine_url == engine


def greeting_at(path: str) -> bytes:
    import socket

    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(path)
        return client.recv(100)


def test_a_command_whose_connection_breaks_is_of_unknown_outcome_and_is_not_run_twice(connection: SshConnection, server: Sshd) -> None:
    connection.run("true")
    marks = server.folder / "marks"
    threading.Thread(target=lambda: (wait_until(marks.exists), server.stop())).start()
    with pytest.raises(HostUnreachable, match="the connection to host far broke"):
        connection.run(f"echo mark >> {marks}; sleep 30")
    assert marks.read_text() == "mark\n"


def test_a_host_that_does_not_come_back_is_given_up(connect: Connect, server: Sshd) -> None:
    connection = connect(first_seconds=0.5, again_seconds=3.0)
    connection.run("true")
    lose(connection, server)
    started = time.monotonic()
    with pytest.raises(HostUnreachable, match="host far cannot be reached"):
        connection.run("true")
    waited = time.monotonic() - started
    assert waited > 2
    time.sleep(1.1)  # what was found is not asked again at once
    started = time.monotonic()
    with pytest.raises(HostUnreachable):
        connection.run("true")
    assert time.monotonic() - started < waited
    server.start()
    time.sleep(1.1)
    assert connection.run("echo back")[1] == b"back\n"


def test_what_ssh_config_says_for_people_is_left_out(connect: Connect, server: Sshd, client: Client) -> None:
    port = free_port()
    client.configure(
        f"Host *\nLocalForward {port} 127.0.0.1:{server.port}\nRequestTTY force\nRemoteCommand echo never\nForwardAgent yes\n"
        f"ControlMaster auto\nControlPath {client.folder}/own\nLogLevel QUIET\nUserKnownHostsFile /dev/null"
    )
    connection = connect()
    assert connection.run("echo ${SSH_AUTH_SOCK-none} $(tty)")[1] == b"none not a tty\n"
    assert not (client.folder / "own").exists()
    listening = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True, check=True).stdout
    assert listening == ""
