"""``backup create`` of 1 GB in MySQL against the bare pipe ``mysqldump | restic backup --stdin`` out of the same container.

Both go into a new repository each time, made beforehand. Then: what a second set stores after one run of 1 % of the keys was changed, how
much memory looma itself takes, and what requests to the tenant notice.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median

from tests.bench.bench_create import create, engine_home
from tests.bench.load import RecordLoad
from tests.bench.measuring import LOOMA, Environment, Figure, compared, looma, run, seconds

NAME = "bench"
ROWS = int(os.environ.get("LOOMA_BENCH_ROWS", "1000000"))  # of about 1 KiB
ROUNDS = 3
LIMIT = 1.30
SECOND_LIMIT = 0.05
MEMORY_LIMIT_MIB = 150
THROUGHPUT_LIMIT = 0.90
LOAD_SECONDS = 12
FILL = """
SET sql_log_bin = 0, unique_checks = 0;
CREATE TABLE rows_of_bench (id BIGINT PRIMARY KEY, payload TEXT NOT NULL);
INSERT INTO rows_of_bench SELECT seq, CONCAT(TO_BASE64(RANDOM_BYTES(360)), REPEAT(MD5(seq), 15)) FROM seq_1_to_{rows};
"""
CHANGE = "SET sql_log_bin = 0; UPDATE rows_of_bench SET payload = CONCAT('changed ', payload) WHERE id BETWEEN {first} AND {last};"
CLIENT = 'MYSQL_PWD="$(cat /run/secrets/mysql_root_password)" exec mysql -u root looma'
DUMP = (
    'MYSQL_PWD="$(cat /run/secrets/mysql_root_password)" exec mysqldump -u root --single-transaction --quick --routines --triggers --events'
    " --hex-blob --databases looma"
)


def figures() -> Iterator[Figure]:
    with engine_home() as ours:
        create(ours)
        mysql(ours, FILL.format(rows=ROWS))
        took: dict[str, list[float]] = {"floor": [], "looma": []}
        for _ in range(ROUNDS):
            new_repositories(ours)
            took["floor"].append(seconds(lambda: bare_pipe(ours)))
            took["looma"].append(seconds(lambda: looma(ours, "backup", "create", NAME)))
        yield compared(f"backup create, {ROWS >> 10} MiB in MySQL", median(took["floor"]), median(took["looma"]), LIMIT)
        yield from second(ours)
        yield from noticed(ours)


def second(ours: Environment) -> Iterator[Figure]:
    """A set after 1 % of the rows, in one run of keys, has changed; and looma's own memory while it is made."""
    first = json.loads(looma(ours, "backup", "list", NAME, "-o", "json"))["backups"][0]["stored_bytes"]
    mysql(ours, CHANGE.format(first=ROWS // 2, last=ROWS // 2 + ROWS // 100))
    stored, peak = created_watched(ours)
    share = stored / first
    yield Figure("a second set with 1 % changed stores", f"{first >> 20} MiB", f"{stored >> 20} MiB", share, SECOND_LIMIT)
    yield Figure("memory of looma meanwhile", "", f"{peak >> 10} MiB", peak >> 10, MEMORY_LIMIT_MIB, unit=" MiB")


def noticed(ours: Environment) -> Iterator[Figure]:
    """Requests at a quarter of what the tenant can carry, without and with a backup going on."""
    url = json.loads(looma(ours, "tenant", "show", NAME, "-o", "json"))["url"]
    capacity = RecordLoad(url, None).run(LOAD_SECONDS / 3)
    pace = capacity.rate / 4
    alone = RecordLoad(url, pace).run(LOAD_SECONDS)
    backup = threading.Thread(target=lambda: looma(ours, "backup", "create", NAME))
    backup.start()
    time.sleep(1)  # past looma's own start
    meanwhile = RecordLoad(url, pace).run(LOAD_SECONDS, also_while=backup.is_alive)
    backup.join()
    share = meanwhile.rate / alone.rate
    yield Figure("requests/s during a backup", f"{alone.rate:.0f} /s", f"{meanwhile.rate:.0f} /s", share, THROUGHPUT_LIMIT, least=True)
    yield Figure("failed requests during a backup", "", str(meanwhile.failed), float(meanwhile.failed), 0)


# the tenant's MySQL
def container(ours: Environment) -> str:
    label = "label=com.docker.compose.project=looma-bench-data-g1"
    return run(("docker", "ps", "-q", "--filter", label, "--filter", "label=looma.component=mysql"), ours).strip()


def mysql(ours: Environment, statements: str) -> None:
    run(("docker", "exec", "-i", container(ours), "sh", "-c", CLIENT), ours, text=statements)


# both sides
def new_repositories(ours: Environment) -> None:
    for place in (bare(ours), own(ours)):
        shutil.rmtree(place, ignore_errors=True)
    passphrase = Path(ours["LOOMA_HOME"], "backup.passphrase")
    if not passphrase.exists():
        passphrase.write_text("of the bench\n")
        passphrase.chmod(0o600)
    for place in (bare(ours), own(ours)):
        run(("restic", "init", "--quiet", "--repo", str(place)), restic(ours))


def bare(ours: Environment) -> Path:
    return Path(ours["LOOMA_HOME"], "bare")


def own(ours: Environment) -> Path:
    return Path(ours["LOOMA_HOME"], "backups", NAME)


def restic(ours: Environment) -> dict[str, str]:
    home = Path(ours["LOOMA_HOME"])
    return {**ours, "RESTIC_PASSWORD_FILE": str(home / "backup.passphrase"), "RESTIC_CACHE_DIR": str(home / "cache-of-bench")}


def bare_pipe(ours: Environment) -> None:
    dump = subprocess.Popen(("docker", "exec", container(ours), "sh", "-c", DUMP), stdout=subprocess.PIPE)
    command = ("restic", "backup", "--quiet", "--stdin", "--stdin-filename", "dump.sql", "--repo", str(bare(ours)))
    subprocess.run(command, stdin=dump.stdout, env={**os.environ, **restic(ours)}, check=True)
    if dump.wait():
        raise subprocess.CalledProcessError(dump.returncode, "mysqldump")


def created_watched(ours: Environment) -> tuple[int, int]:
    """(bytes stored, KiB of looma's own peak)."""
    command = (*LOOMA, "backup", "create", NAME, "-o", "json")
    process = subprocess.Popen(command, env={**os.environ, **ours}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    peak = 0
    while process.poll() is None:
        with suppress(OSError):
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            peak = max([peak, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))])
        time.sleep(0.1)
    out = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return json.loads(out)["stored_bytes"], peak
