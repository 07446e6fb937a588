"""What restic's exit codes and words mean.

Since 0.17 restic ends with 10 (no repository), 11 (locked) and 12 (wrong password) and, with ``--json``, words its errors as JSON;
before, every failure is 1 and only the words tell (restic manual, "Scripting": exit codes).
"""

from __future__ import annotations

import json
import re

from looma_cli.adapters.children import Outcome
from looma_cli.adapters.repository.locks import holder_is_dead
from looma_cli.errors import (
    BackupFailed,
    LoomaError,
    NotFound,
    RepositoryDamaged,
    RepositoryLocked,
    RepositoryUnreachable,
    WrongPassphrase,
)

RESTIC_HINT = "install restic: apt-get install restic"
PASSPHRASE_HINT = "name the file with the repository's passphrase: LOOMA_BACKUP_PASSPHRASE_FILE"
NO_REPOSITORY, LOCKED, WRONG_PASSWORD = 10, 11, 12

_PASSPHRASE = r"wrong password or no key found|Resolving password failed|empty password|password file"
_LOCKED = r"already locked"
_FULL = r"no space left on device|quota exceeded|file too large|StorageFull|disk full|sftp: .*Failure"
_GONE = r"(no such file or directory|file does not exist|specified (key|bucket) does not exist|NoSuch(Key|Bucket))"
_NO_REPOSITORY = rf"unable to open config file.*{_GONE}|repository does not exist"
_NO_SNAPSHOT = rf"no matching ID found|not found in snapshot|no snapshot found|failed to load snapshot.*{_GONE}"
_UNREACHABLE = (
    r"connection refused|connection reset|connection closed|connection lost|no route to host|network is unreachable|no such host"
    r"|could not resolve|host key verification failed|unable to start the sftp session|ssh command exited|i/o timeout|timed out"
    r"|permission denied|access ?denied|forbidden|SignatureDoesNotMatch|signature|InvalidAccessKeyId|access key|connect:"
)
_DAMAGED = (
    r"ciphertext verification failed|invalid data returned|is damaged|repository contains errors|LoadIndex returned errors|wrong hash"
    r"|does not match|decrypting|decompress|unexpected EOF|unexpected file size|not found in (repository|index)|failed to find blob"
    rf"|(<|/)(data|index|snapshots?)/[0-9a-f]+.*{_GONE}"
)
_HOLDER = re.compile(r"already locked.*?(?= storage ID| the `unlock`|$)")


def failure(outcome: Outcome, location: str) -> LoomaError:
    """The error that a failed restic stands for."""
    words = _words(outcome.errors)
    text = " ".join(words)
    kind = _by_code(outcome.code) or _by_words(text)
    if kind is RepositoryLocked:
        return _locked(text, location)
    if kind is WrongPassphrase:
        return WrongPassphrase(f"the passphrase does not open the repository {location}: {_last(words)}", PASSPHRASE_HINT)
    return kind(f"the repository {location}: {_last(words)}", _hint(kind, text))


def _locked(text: str, location: str) -> RepositoryLocked:
    """``details['dead']``: its holder was a process of this machine that runs no more, so waiting is of no use."""
    holder = _HOLDER.search(text)
    dead = holder_is_dead(text)
    hint = "its process is dead: unlock the repository" if dead else "wait until that one has ended"
    return RepositoryLocked(f"the repository {location} is {holder[0] if holder else 'locked'}", hint, dead=dead)


def _by_code(code: int) -> type[LoomaError] | None:
    if code < 0:  # killed, so that its words mean nothing
        return BackupFailed
    return {NO_REPOSITORY: NotFound, LOCKED: RepositoryLocked, WRONG_PASSWORD: WrongPassphrase}.get(code)


def _by_words(text: str) -> type[LoomaError]:
    """The order matters: later ones are vaguer."""
    meanings: list[tuple[str, type[LoomaError]]] = [
        (_PASSPHRASE, WrongPassphrase),
        (_LOCKED, RepositoryLocked),
        (_FULL, BackupFailed),
        (_NO_REPOSITORY, NotFound),
        (_NO_SNAPSHOT, NotFound),
        (_UNREACHABLE, RepositoryUnreachable),
        (_DAMAGED, RepositoryDamaged),
    ]
    return next((kind for pattern, kind in meanings if re.search(pattern, text, re.IGNORECASE)), BackupFailed)


def _hint(kind: type[LoomaError], text: str) -> str:
    if re.search(_FULL, text, re.IGNORECASE):
        return "it is full: free some space there, or prune it"
    return {
        NotFound: "look at the repository's address, and at the backups it holds",
        RepositoryUnreachable: "look whether its server runs and lets this user in",
        RepositoryDamaged: "restore from a copy; restic's manual tells how to mend it (Troubleshooting)",
    }.get(kind, "restic's words above say why")


def _last(words: list[str]) -> str:
    """What it says it died of, else its last line."""
    told = [word.removeprefix("Fatal: ") for word in words if word.startswith(("Fatal:", "cannot", "unable"))] or words
    return told[-1][:300] if told else "restic ended without a word"


def _words(errors: str) -> list[str]:
    return [word for line in errors.splitlines() if (word := _plain(line.strip()))]


def _plain(line: str) -> str:
    if not line.startswith("{"):
        return line
    try:
        found = json.loads(line)
    except ValueError:
        return line
    error = found.get("error")
    return str(found.get("message") or (error.get("message") if isinstance(error, dict) else error) or "").strip().replace("\n", " ")
