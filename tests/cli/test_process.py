"""The real command as a process: pipes, full disks, terminals of 60 columns, no terminal at all."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from looma_cli.errors import StateUnusable
from tests.cli.conftest import LITE, Cli

LOOMA = [sys.executable, "-m", "looma_cli"]


@pytest.fixture
def home(acme: Cli) -> Path:
    """A LOOMA_HOME with one tenant whose display name is wide."""
    acme.json("tenant", "update", "acme", "--display-name", "北京第一客户有限公司", "--hostname", "crm.acme.example")
    return acme.machine.home


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LOOMA_HOME": str(home), "LANG": "C.UTF-8", "TERM": "xterm", **more}


def looma(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LOOMA, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment(home, **more)
    )


def shell(home: Path, line: str) -> subprocess.CompletedProcess[str]:
    text = line.replace("looma", " ".join(LOOMA))
    return subprocess.run(["bash", "-c", f"set -o pipefail; {text}"], capture_output=True, text=True, check=False, env=environment(home))


# pipes and files
def test_a_result_without_a_terminal_is_plain(home: Path) -> None:
    result = looma(home, "tenant", "list")
    assert (result.returncode, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout
    assert json.loads(looma(home, "tenant", "show", "acme", "-o", "json").stdout)["display_name"] == "北京第一客户有限公司"


@pytest.mark.parametrize(
    "command", ["looma tenant list", "looma tenant show acme -o yaml", "looma port list", "looma edition list -o json"]
)
def test_head_may_close_the_pipe_early(home: Path, command: str) -> None:
    result = shell(home, f"{command} | head -1")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1


def test_a_reader_that_reads_nothing(home: Path) -> None:
    assert shell(home, "looma port list -o json | true").stderr == ""
    assert shell(home, "looma --help | true").stderr == ""


def test_a_full_disk_behind_standard_output(home: Path) -> None:
    result = shell(home, "looma port list > /dev/full")
    assert result.returncode == 1
    assert result.stderr.startswith("error: no space left on the device")
    assert "Exception ignored" not in result.stderr


def test_a_closed_standard_output(home: Path) -> None:
    result = shell(home, "looma tenant list >&-")
    assert "Traceback" not in result.stderr


def test_nobody_to_ask(home: Path) -> None:
    result = looma(home, "tenant", "delete", "acme", "--no-backup")
    assert result.returncode == 2
    assert "add --yes" in result.stderr


def test_an_encoding_that_has_no_chinese(home: Path) -> None:
    result = looma(home, "tenant", "show", "acme", PYTHONIOENCODING="ascii")
    assert result.returncode == 0
    assert "\\u5317" in result.stdout
    assert json.loads(looma(home, "tenant", "show", "acme", "-o", "json", PYTHONIOENCODING="ascii").stdout)["display_name"].startswith(
        "北京"
    )


def test_bytes_that_are_no_text(home: Path) -> None:
    result = subprocess.run([*LOOMA, "tenant", "show", b"\xff\xfe"], capture_output=True, check=False, env=environment(home))
    assert result.returncode == 2
    assert result.stderr.startswith(b"error: '\\udcff\\udcfe' is not a tenant name")


def test_python_m_and_the_command_are_the_same(home: Path) -> None:
    script = Path(sys.executable).with_name("looma")
    ours = subprocess.run([script, "tenant", "list"], capture_output=True, text=True, check=False, env=environment(home))
    assert ours.stdout == looma(home, "tenant", "list").stdout


# homes that are none
def test_a_corrupt_state_is_one_line(home: Path) -> None:
    (home / "looma.db").write_bytes(b"not a database at all" * 100)
    for leftover in home.glob("looma.db-*"):
        leftover.unlink()
    result = looma(home, "tenant", "list", "-o", "json")
    assert (result.returncode, json.loads(result.stdout)["error"]["code"]) == (StateUnusable.exit_code, StateUnusable.code)


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    result = looma(tmp_path / "home", "tenant", "list")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 2


# terminals
class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, home: Path, columns: int, *arguments: str, **more: str) -> None:
        self._leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            [*LOOMA, *arguments], stdin=follower, stdout=follower, stderr=follower, env=environment(home, **more), start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
        )  # fmt: skip
        os.close(follower)
        self.text = ""

    def wait_for(self, wanted: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while wanted not in self.text and time.monotonic() < end:
            self._read(0.2)
        assert wanted in self.text

    def type(self, keys: str) -> None:
        os.write(self._leader, keys.encode())

    def end(self, seconds: float = 30) -> int:
        end = time.monotonic() + seconds
        while self._read(0.2) and time.monotonic() < end:
            pass
        return self.process.wait(timeout=seconds)

    def lines(self) -> list[str]:
        """What stands on the screen's lines, without escape sequences."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.text).replace("\r", "").split("\n")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._leader)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._leader], [], [], seconds)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self._leader, 65536)
        except OSError:  # the other side is gone
            return False
        self.text += data.decode("utf-8", "replace")
        return bool(data)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize("command", ["tenant list", "tenant show acme", "tenant show NOSUCH"])
def test_nothing_is_wider_than_60_columns(home: Path, terminals: list[Terminal], command: str) -> None:
    terminal = Terminal(home, 60, *command.split())
    terminals.append(terminal)
    terminal.end()
    assert len(terminal.lines()) > 1
    assert max(cell_len(line) for line in terminal.lines()) <= 60


def test_colours_on_a_terminal_unless_somebody_objects(home: Path, terminals: list[Terminal]) -> None:
    for more, options, painted in (
        ({}, [], True),
        ({"NO_COLOR": "1"}, [], False),
        ({}, ["--no-color"], False),
        ({"TERM": "dumb"}, [], False),
    ):
        terminal = Terminal(home, 80, "tenant", "list", *options, **more)
        terminals.append(terminal)
        assert terminal.end() == 0
        assert ("\x1b[" in terminal.text) is painted


def test_a_question_is_asked_and_no_is_taken_for_an_answer(home: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(home, 80, "tenant", "delete", "acme", "--no-backup")
    terminals.append(terminal)
    terminal.wait_for("[y/N]")
    terminal.type("n\n")
    assert terminal.end() == 1
    assert "acme" in looma(home, "tenant", "list").stdout


def test_watching_refreshes_in_place_and_ctrl_c_ends_it_cleanly(home: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(home, 60, "status", "--watch", "--interval", "0.3s")
    terminals.append(terminal)
    terminal.wait_for("Ctrl-C ends")
    assert "\x1b[?1049h" in terminal.text
    terminal.type("\x03")
    assert terminal.end() == 130
    assert terminal.text.rstrip().endswith(("\x1b[?1049l", "\x1b[?25h"))
    assert "Traceback" not in terminal.text
    assert "error" not in terminal.text


def test_watching_without_a_terminal_prints_one_document_after_the_other(home: Path) -> None:
    process = subprocess.Popen(
        [*LOOMA, "status", "--watch", "--interval", "0.2s", "-o", "json"], stdout=subprocess.PIPE, text=True, env=environment(home)
    )
    assert process.stdout is not None
    documents = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    assert process.wait(timeout=20) == 130
    process.stdout.close()
    assert [document["summary"]["tenants"] for document in documents] == [1, 1]


def test_creating_shows_progress_and_a_panel(home: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(home, 60, "tenant", "create", "two", *LITE, "--no-start", LOOMA_IMAGES="local")
    terminals.append(terminal)
    assert terminal.end() == 0
    assert "✓ Render the stack" in "\n".join(terminal.lines())
    assert "╭─ two is created" in terminal.text.replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[2m", "")
    assert max(cell_len(line.rstrip()) for line in terminal.lines()) <= 60
    assert "Next: looma tenant start two" in terminal.text
