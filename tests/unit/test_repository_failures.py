"""What restic says when it fails, word by word as 0.14 and 0.18 said it, and which error that is."""

from __future__ import annotations

import pytest

from looma_cli.adapters.children import Outcome
from looma_cli.adapters.repository.failures import failure
from looma_cli.errors import (
    BackupFailed,
    LoomaError,
    NotFound,
    RepositoryDamaged,
    RepositoryLocked,
    RepositoryUnreachable,
    WrongPassphrase,
)

OPENING = "Fatal: unable to open config file: {}\nIs there a repository at the following location?\ns3:http://host/bucket"
LOCKED = (
    "unable to create lock in backend: repository is already locked exclusively by PID 1210 on far.away by root (UID 0, GID 0)\n"
    "lock was created at 2026-11-22 06:15:38 (3.1s ago)\nstorage ID ed606f62\nthe `unlock` command can be used to remove stale locks"
)
PACK = "46d4148dbbe5123f9692fef77bea738408cba95d3df35e242886833359fa0fd8"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (OPENING.format("stat /backups/config: no such file or directory"), NotFound),
        (OPENING.format("Lstat: file does not exist"), NotFound),
        (OPENING.format("Stat: The specified key does not exist."), NotFound),
        (OPENING.format("Stat: The specified bucket does not exist"), NotFound),
        ('invalid id "abc": no matching ID found for prefix "abc"', NotFound),
        ('cannot dump file: path "/nope" not found in snapshot', NotFound),
        (f"Fatal: failed to find snapshot: failed to load snapshot [null]: open /b/snapshots/{PACK}: no such file or directory", NotFound),
        (OPENING.format("Stat: The access key ID you provided does not exist in our records."), RepositoryUnreachable),
        (OPENING.format("Stat: The request signature we calculated does not match the signature you provided."), RepositoryUnreachable),
        (OPENING.format("Stat: Access Denied."), RepositoryUnreachable),
        (OPENING.format('Stat: Get "http://host/": dial tcp 127.0.0.1:1: connect: connection refused'), RepositoryUnreachable),
        ("subprocess ssh: Host key verification failed.\nFatal: unable to open repository at sftp:x: EOF", RepositoryUnreachable),
        ("Fatal: wrong password or no key found", WrongPassphrase),
        ("Resolving password failed: Fatal: /p does not exist", WrongPassphrase),
        (LOCKED, RepositoryLocked),
        ("Fatal: unable to save snapshot: write /b/data/60/60a-tmp-1: no space left on device", BackupFailed),
        ("cannot dump file: decrypting blob 2eb2 failed: ciphertext verification failed", RepositoryDamaged),
        (f"cannot dump file: ReadFull(<data/46d4148dbb>): open /b/data/46/{PACK}: no such file or directory", RepositoryDamaged),
        ("Fatal: ReadFull(<data/46d4148dbb>): The specified key does not exist.", RepositoryDamaged),
        ("Fatal: load <index/cd8de1cb96>: invalid data returned", RepositoryDamaged),
        (f"Pack ID does not match, want {PACK}, got 57\nFatal: repository contains errors", RepositoryDamaged),
        ("Fatal: config or key 0bd11f is damaged: ciphertext verification failed", RepositoryDamaged),
        ("Fatal: unable to save snapshot: open /tmp/restic-temp-pack-1: no such file or directory", BackupFailed),
        ("Fatal: something else", BackupFailed),
        ("", BackupFailed),
    ],
)
def test_words(words: str, error: type[LoomaError]) -> None:
    raised = failure(Outcome(1, "", words), "/backups")
    assert type(raised) is error
    assert "/backups" in raised.message
    assert "\n" not in raised.message + raised.hint
    assert raised.hint


@pytest.mark.parametrize(("code", "error"), [(10, NotFound), (11, RepositoryLocked), (12, WrongPassphrase), (-9, BackupFailed)])
def test_exit_codes(code: int, error: type[LoomaError]) -> None:
    line = f'{{"message_type":"exit_error","code":{code},"message":"Fatal: words of\\nits own"}}'
    assert type(failure(Outcome(code, "", line), "/backups")) is error


def test_who_holds_the_lock_is_said_as_restic_says_it() -> None:
    raised = failure(Outcome(11, "", f'{{"message_type":"exit_error","message":{LOCKED!r}}}'.replace("'", '"')), "/backups")
    assert raised.message == (
        "the repository /backups is already locked exclusively by PID 1210 on far.away by root (UID 0, GID 0)"
        " lock was created at 2026-11-22 06:15:38 (3.1s ago)"
    )
    assert raised.details == {"dead": False}


def test_what_is_full_says_so() -> None:
    assert failure(Outcome(1, "", "write /b/x: no space left on device"), "/backups").hint.startswith("it is full")
