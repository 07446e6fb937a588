"""Bringing a dump into a server of the same kind, whatever an earlier try left there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from looma_cli.adapters.datastores.mysql.accounts import superfluous
from looma_cli.adapters.datastores.mysql.client import Client
from looma_cli.adapters.datastores.mysql.dump import End
from looma_cli.adapters.datastores.mysql.inventory import schemas
from looma_cli.adapters.datastores.mysql.moment import ACCOUNTS, DATA, DEFINERS, VIEWS
from looma_cli.adapters.datastores.mysql.rows import merged
from looma_cli.adapters.datastores.mysql.session import SERVER_HINT, Session, global_setting, last_words, opened
from looma_cli.adapters.datastores.mysql.text import identifier
from looma_cli.errors import BackupFailed, CommandFailed, LoomaError, NotAllowed, NotFound
from looma_cli.model.protocols import Chunks, Program

Streams = Mapping[str, Callable[[], Chunks]]
Form = Callable[[Iterable[bytes]], Iterable[bytes]]
IDLE_SECONDS = 24 * 3600
LARGEST_PACKET = 1 << 30  # bytes are twice as long in hex: a row that the source took may be too long for the same limit
_REPORT_BYTES = 64 << 20

# The dump itself turns off the checks of keys; these are for what a server accepted once and would refuse now.
_SETTINGS = "SET SESSION sql_log_bin = 0, innodb_strict_mode = 0"
_SETTINGS_MARIADB = "SET SESSION check_constraint_checks = 0, max_statement_time = 0"
_SETTINGS_OF_TEXT = "SET SESSION sql_log_bin = 0, sql_mode = ''"


def restore(client: Client, streams: Streams, progress: Callable[[str], None], *, together: bool = False) -> None:
    """``together``: the dump has many rows in a statement already. Raises BackupFailed."""
    with opened(client, idle_seconds=IDLE_SECONDS) as session, global_setting(session, "max_allowed_packet", LARGEST_PACKET):
        progress("removing what is there")
        session.each(["SET SESSION foreign_key_checks = 0", *(f"DROP DATABASE {identifier(name)}" for name in schemas(session))])
        if DATA in streams:
            _load(client, _SETTINGS_OF_TEXT, [_whole(streams[DEFINERS])])
            _load_data(client, session, streams[DATA], progress, unchanged if together else merged)
            _load(client, _SETTINGS_OF_TEXT, [_whole(streams[VIEWS])])
        _load_accounts(client, session, streams[ACCOUNTS], progress)


def _load_data(client: Client, session: Session, stream: Callable[[], Chunks], progress: Callable[[str], None], form: Form) -> None:
    end = End()
    with stream() as chunks:
        _load(client, _settings(session), _reported(form(map(end.seen, chunks)), progress))
    if not end.complete:
        raise BackupFailed("the dump in this backup is not complete", "restore another backup set")


def unchanged(chunks: Iterable[bytes]) -> Iterable[bytes]:
    return chunks


def _load_accounts(client: Client, session: Session, stream: Callable[[], Chunks], progress: Callable[[str], None]) -> None:
    progress("accounts")
    sql = _whole(stream)
    session.each(superfluous(session, sql.decode("utf-8", errors="surrogateescape")))
    _load(client, _SETTINGS_OF_TEXT, [sql])


def _whole(stream: Callable[[], Chunks]) -> bytes:
    """Of a short one."""
    with stream() as chunks:
        return b"".join(chunks)


def _settings(session: Session) -> str:
    return f"{_SETTINGS};\n{_SETTINGS_MARIADB}" if session.version.mariadb else _SETTINGS


def _reported(chunks: Iterable[bytes], progress: Callable[[str], None]) -> Iterator[bytes]:
    loaded = reported = 0
    for chunk in chunks:
        yield chunk
        loaded += len(chunk)
        if loaded - reported >= _REPORT_BYTES:
            reported = loaded
            progress(f"{loaded >> 20} MiB loaded")


def _load(client: Client, settings: str, chunks: Iterable[bytes]) -> None:
    with _loading(client) as program:
        try:
            program.write(f"{settings};\n".encode())
            for chunk in chunks:
                program.write(chunk)
            program.close_input()
        except CommandFailed as error:
            with suppress(LoomaError):
                program.finish()  # why it takes no more comes last, after the statement that it had reached
            raise _failed(program) from error
        if program.finish():
            raise _failed(program)


@contextmanager
def _loading(client: Client) -> Iterator[Program]:
    try:
        with client.load() as program:
            yield program
    except (NotFound, NotAllowed) as error:
        raise BackupFailed(f"{client.workload.component} does not run: {error.message}", "looma tenant start starts it") from error


def _failed(program: Program) -> BackupFailed:
    return BackupFailed(f"the dump could not be loaded: {last_words(program)}", SERVER_HINT)
