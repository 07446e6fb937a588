"""``edition switch``: how long writes are frozen, with 1 GB in MySQL and with 2, and how long it takes as a whole against starting the new
stack with compose and piping a dump from the old server into the new one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from statistics import median
from typing import Any

from tests.bench.bench_backup import CLIENT, DUMP, FILL
from tests.bench.bench_create import create, down, engine_home, installation, up
from tests.bench.measuring import Environment, Figure, compared, looma, run, seconds

NAME = "bench"
BARE = "floor"  # projects are named after tenants: of the same name it would be the same stack
ROWS = int(os.environ.get("LOOMA_BENCH_ROWS", "1000000"))  # of about 1 KiB
ROUNDS = 2
FREEZE_LIMIT_MS = 3000
LIMIT = 1.30
MORE = """
SET sql_log_bin = 0, unique_checks = 0;
INSERT INTO rows_of_bench SELECT seq, CONCAT(TO_BASE64(RANDOM_BYTES(360)), REPEAT(MD5(seq), 15)) FROM seq_{first}_to_{last};
"""


def figures() -> Iterator[Figure]:
    # the bare stack is not looked at when a switch chooses its ports and networks, since it is down then
    with engine_home() as ours, engine_home(LOOMA_PORT_RANGE="27000-29999", LOOMA_SUBNET_POOL="10.250.0.0/16") as bare:
        create(ours)
        looma(bare, "tenant", "create", BARE, "--edition", "pro", "--profile", "lite", "--no-start")
        mysql(ours, FILL.format(rows=ROWS))
        took: dict[str, list[float]] = {"floor": [], "looma": []}
        freezes: list[int] = []
        for target in ("pro", "basic") * (ROUNDS // 2):
            took["floor"].append(seconds(lambda: started_and_copied(ours, bare)))
            down(bare, BARE)
            took["looma"].append(seconds(lambda target=target: freezes.append(switched(ours, target))))  # type: ignore[misc]
        yield frozen(f"writes frozen, {ROWS >> 10} MiB in MySQL", median(freezes))
        yield compared("edition switch, data cloned", median(took["floor"]), median(took["looma"]), LIMIT)
        mysql(ours, MORE.format(first=ROWS + 1, last=2 * ROWS))
        yield frozen(f"writes frozen, {ROWS >> 9} MiB in MySQL", switched(ours, "pro"))
        yield frozen("writes frozen, data reused", switched(ours, "dao", "--data", "reuse"), 0)


def frozen(name: str, milliseconds: float, limit: int = FREEZE_LIMIT_MS) -> Figure:
    return Figure(name, "", f"{milliseconds:.0f} ms", milliseconds, limit, unit=" ms")


def switched(ours: Environment, target: str, *more: str) -> int:
    """Milliseconds of the freeze; the layers that were left go at once, so that the next round has the room."""
    operation = json.loads(looma(ours, "edition", "switch", NAME, target, "--no-backup", *more, "-o", "json"))
    looma(ours, "edition", "finalize", NAME, "--yes")
    return int(operation["result"].get("write_freeze_ms", 0))


def started_and_copied(ours: Environment, bare: Environment) -> None:
    up(bare, BARE)
    dump = subprocess.Popen(("docker", "exec", container(ours), "sh", "-c", DUMP), stdout=subprocess.PIPE)
    subprocess.run(("docker", "exec", "-i", container(bare, BARE), "sh", "-c", CLIENT), stdin=dump.stdout, check=True)
    if dump.wait():
        raise subprocess.CalledProcessError(dump.returncode, "mysqldump")


def mysql(ours: Environment, statements: str) -> None:
    run(("docker", "exec", "-i", container(ours), "sh", "-c", CLIENT), ours, text=statements)


def container(home: Environment, name: str = NAME) -> str:
    """The tenant's MySQL that runs."""
    tenant: dict[str, Any] = json.loads(looma(home, "tenant", "show", name, "-o", "json"))
    labels = [f"looma.generation={tenant['generations']['data']}", "looma.component=mysql", f"looma.installation={installation(home)}"]
    filters = [word for label in labels for word in ("--filter", f"label={label}")]
    return run(("docker", "ps", "-q", *filters), home).strip()

