"""Seals under the repository's passphrase, so that a backup opens without this home's key."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from looma_cli.adapters.repository.failures import PASSPHRASE_HINT
from looma_cli.adapters.secret_file import make_once
from looma_cli.errors import WrongPassphrase

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

FORM = "scrypt"
# RFC 7914 and OWASP's Password Storage Cheat Sheet: N = 2^15, r = 8, p = 3: 32 MiB and a quarter of a second.
LOG_N, R, P = 15, 8, 3
SALT_BYTES = 16
PASSPHRASE_BYTES = 24  # 192 bits: 32 letters
MOST_LOG_N, MOST_R, MOST_P = 20, 16, 16  # what a hostile text may cost: 2 GiB


class PassphraseVault:
    """Implements ``BackupVault``. A sealed text is ``scrypt:LOG_N:R:P:SALT:TOKEN``, salt in URL-safe base64, token Fernet's.

    One salt serves all that one vault seals, so the passphrase is stretched once.
    """

    def __init__(self, passphrase_file: Path, *, own: bool = False) -> None:
        """``own``: the file is this home's, and may be made where it is missing."""
        self._passphrase_file = passphrase_file
        self._may_make = own
        self._parameters: str | None = None
        self._keys: dict[str, Fernet] = {}

    def ensure(self) -> bool:
        """Raises WrongPassphrase when there is none and none can be made."""
        made = self._may_make and not self._passphrase_file.exists() and self._make()
        self._passphrase()
        return made

    def _make(self) -> bool:
        try:
            return make_once(self._passphrase_file, secrets.token_urlsafe(PASSPHRASE_BYTES).encode("ascii") + b"\n")
        except OSError as error:
            hint = "free some disk, or name a file that is there: LOOMA_BACKUP_PASSPHRASE_FILE"
            raise WrongPassphrase(f"the passphrase {self._passphrase_file} cannot be made: {error.strerror}", hint) from error

    def seal(self, plain: str) -> str:
        """Raises WrongPassphrase when there is none."""
        if self._parameters is None:
            salt = base64.urlsafe_b64encode(os.urandom(SALT_BYTES)).decode("ascii")
            self._parameters = f"{FORM}:{LOG_N}:{R}:{P}:{salt}"
        return f"{self._parameters}:{self._key(self._parameters).encrypt(plain.encode()).decode('ascii')}"

    def open(self, sealed: str) -> str:
        """Raises WrongPassphrase, for a text that was tampered with too: the two cannot be told apart."""
        from cryptography.fernet import InvalidToken

        parameters, _, token = sealed.rpartition(":")
        try:
            return self._key(parameters).decrypt(token.encode()).decode()
        except (InvalidToken, ValueError) as error:
            raise WrongPassphrase("the passphrase does not open what was sealed in the backup", PASSPHRASE_HINT) from error

    def _key(self, parameters: str) -> Fernet:
        """Raises ValueError for parameters that are none."""
        from cryptography.fernet import Fernet

        if parameters not in self._keys:
            self._keys[parameters] = Fernet(base64.urlsafe_b64encode(_stretched(self._passphrase(), parameters)))
        return self._keys[parameters]

    def _passphrase(self) -> bytes:
        """Without the blanks around it, as restic reads the same file. Raises WrongPassphrase."""
        try:
            passphrase = self._passphrase_file.read_bytes().strip()
        except OSError as error:
            raise WrongPassphrase(f"the passphrase {self._passphrase_file} cannot be read: {error.strerror}", PASSPHRASE_HINT) from error
        if not passphrase:
            raise WrongPassphrase(f"the passphrase {self._passphrase_file} is empty", PASSPHRASE_HINT)
        return passphrase


def _stretched(passphrase: bytes, parameters: str) -> bytes:
    form, log_n, r, p, salt = parameters.split(":")
    costs = int(log_n), int(r), int(p)
    if form != FORM or not all(1 <= cost <= most for cost, most in zip(costs, (MOST_LOG_N, MOST_R, MOST_P), strict=True)):
        raise ValueError(f"not a sealed text: {parameters[:80]}")
    n = 1 << costs[0]
    memory = 128 * costs[1] * (n + costs[2] + 2)
    return hashlib.scrypt(passphrase, salt=base64.urlsafe_b64decode(salt), n=n, r=costs[1], p=costs[2], maxmem=memory, dklen=32)
