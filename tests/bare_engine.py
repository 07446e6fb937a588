"""A second container engine on this machine, for images only: no networks, no containers. It ends with the tests, however they end."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import Unreachable

START_SECONDS = 120
# In namespaces of its own. Of the network, because an engine that wants no bridge removes docker0, whoever's that is; of mounts, so that
# where a small disk is asked for, it goes with the engine.
SCRIPT = """
set -e
if [ -n "$DISK" ]; then mount -t tmpfs -o "size=$DISK" tmpfs "$ROOT/data"; fi
exec setpriv --pdeathsig TERM dockerd --host "unix://$ROOT/engine.sock" --data-root "$ROOT/data" --exec-root "$ROOT/run" \\
  --pidfile "$ROOT/pid" --bridge none --iptables=false --ip-forward=false --ip-masq=false
"""


@contextmanager
def bare_engine(disk: str = "") -> Iterator[EngineApi]:
    """``disk`` is the size of its whole disk (``64m``); empty for as much as there is. Needs root, as any engine does."""
    root = Path(tempfile.mkdtemp(prefix="looma-engine-", dir="/var/tmp"))
    (root / "data").mkdir()
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", SCRIPT],
            env={**os.environ, "ROOT": str(root), "DISK": disk, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        api = EngineApi(f"unix://{root}/engine.sock", {}, timeout_seconds=60)
        _await(api, process, root / "log")
        yield api
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(root, ignore_errors=True)


def _await(api: EngineApi, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            api.get("/version")
            return
        except Unreachable:
            alive = process.poll() is None and time.monotonic() < deadline
            assert alive, f"the second engine did not start:\n{log.read_text(errors='replace')[-2000:]}"
            time.sleep(0.1)
