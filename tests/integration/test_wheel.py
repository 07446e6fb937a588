"""The wheel works outside the checkout: editions, templates and set-up scripts are inside, and state goes to the user's own folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Build the wheel, install it into an environment of its own, and run ``looma`` from an empty folder."""
    place = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(place), str(ROOT)], check=True, timeout=240)
    (wheel,) = place.glob("looma-*.whl")
    venv.create(place / "environment", with_pip=True)
    python = place / "environment" / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", str(wheel)], check=True, timeout=240)
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LOOMA_") and k != "PYTHONPATH"}
    environment |= {"HOME": str(place), "XDG_DATA_HOME": str(place / "data"), "NO_COLOR": "1"}

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [str(python.parent / "looma"), *arguments]
        return subprocess.run(
            command,
            cwd=elsewhere,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return run


def test_editions_are_inside(installed: Run) -> None:
    answer = installed("edition", "list", "-o", "json")
    assert answer.returncode == 0, answer.stderr
    assert [e["name"] for e in json.loads(answer.stdout)["editions"]] == ["basic", "pro", "future", "dao", "blockchain"]


def test_a_tenant_is_rendered_without_an_engine(installed: Run, tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/nowhere.sock"
    created = installed(
        "tenant", "create", "acme", "--edition", "basic", "--profile", "lite", "--no-start", "-o", "json", DOCKER_HOST=nowhere
    )
    assert created.returncode == 0, created.stdout + created.stderr
    assert json.loads(created.stdout)["status"] == "created"
    rendered = installed("tenant", "render", "acme", "-o", "json", DOCKER_HOST=nowhere)
    assert rendered.returncode == 0, rendered.stderr
    assert "looma-acme-data-g1" in rendered.stdout
    assert installed("tenant", "delete", "acme", "--no-backup", "--yes", DOCKER_HOST=nowhere).returncode == 0


def test_state_is_in_the_users_own_folder(installed: Run) -> None:
    home = Path(json.loads(installed("state", "path", "-o", "json").stdout)["home"])
    assert home.name == "looma"
    assert home.parent.name == "data"
    assert (home / "looma.db").is_file()


def test_local_images_and_set_up_are_inside(installed: Run) -> None:
    assert installed("--version").stdout.strip()
    listed = installed("image", "list", "--edition", "basic", "--profile", "lite", "--images", "local", "-o", "json")
    assert "looma/mysql:10.11" in listed.stdout
