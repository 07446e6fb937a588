"""The client programs in the server's container: how each is started."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Engine, Program

# One each: ending a program early ends all with its mark, and a session is needed longer than a dump that failed.
SESSION, DUMP, LOAD = MARKS = ("looma-backup-session", "looma-backup-dump", "looma-backup-load")

# The shell in the container reads the password, so that it is in no command line and in nothing that the engine records. MariaDB's
# images from 11 on have its own program names only, MySQL's the old ones only.
_RUN = """file=$1; program=$(command -v "$2" || command -v "$3") || { echo "neither $2 nor $3 is there" >&2; exit 127; }
shift 3
if [ -n "$file" ]; then MYSQL_PWD=$(cat "$file") || exit 1; export MYSQL_PWD; fi
exec "$program" "$@"
"""
_COMMON = ("--default-character-set=utf8mb4", "--max-allowed-packet=1G")


@dataclass(frozen=True)
class Client:
    """``user`` logs in through the local socket; ``password_file`` is a path in the container, empty for none."""

    engine: Engine
    workload: Workload
    user: str
    password_file: str

    def query(self, mark: str = SESSION) -> AbstractContextManager[Program]:
        """Takes statements, gives rows as they come; ends at the first error with exit code 1."""
        return self._open(("mariadb", "mysql"), ["--batch", "--unbuffered", "--skip-column-names", "--skip-reconnect"], mark)

    def load(self) -> AbstractContextManager[Program]:
        """Takes a dump. Binary mode also turns off the client's own commands, a shell among them."""
        return self._open(("mariadb", "mysql"), ["--batch", "--binary-mode", "--skip-reconnect"], LOAD)

    def dump(self, options: Sequence[str]) -> AbstractContextManager[Program]:
        return self._open(("mariadb-dump", "mysqldump"), options, DUMP)

    def _open(self, names: tuple[str, str], options: Sequence[str], mark: str) -> AbstractContextManager[Program]:
        command = ["sh", "-c", _RUN, "sh", self.password_file, *names, f"--user={self.user}", *_COMMON, *options]
        return self.engine.open_program(self.workload, command, mark=mark)
