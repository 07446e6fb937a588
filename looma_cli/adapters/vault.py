"""Generates secrets and seals them with Fernet under one key file.

The key is made once, by whichever process is first, and never overwritten: a lost key makes sealed secrets unreadable, a replaced
one would hide that.
"""

from __future__ import annotations

import base64
import secrets
import stat
import string
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from looma_cli.adapters.secret_file import make_once
from looma_cli.errors import InvalidValue, SecretUnreadable

if TYPE_CHECKING:
    from cryptography.fernet import Fernet
    from cryptography.x509 import Certificate

    from looma_cli.model.protocols import Clock

PASSWORD_LENGTH = 32
FRESH = 64  # so many sealed secrets are remembered at most
KEY_BYTES = 32  # Fernet: 16 for signing, 16 for AES-128
_ALPHABET = string.ascii_letters + string.digits
_LETTER_OF_BYTE = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))
_UNEVEN = bytes(range(256 - 256 % len(_ALPHABET), 256))  # these would make the first letters more frequent


class FernetVault:
    """Implements ``Vault``. ``key_file`` is ``$LOOMA_HOME/secret.key``, which the first ``seal`` creates; with ``shared`` it is the file
    that LOOMA_SECRET_KEY_FILE names, which must be there. ``witness`` gives one of the state's secrets, for a state that several homes
    share: nothing is sealed under a key that does not open it."""

    def __init__(
        self, key_file: Path, clock: Clock, *, shared: bool = False, witness: Callable[[], str | None] = lambda: None
    ) -> None:
        self._key_file = key_file
        self._clock = clock
        self._shared = shared
        self._witness = witness
        self._proven = False
        self._loaded: Fernet | None = None
        self._fresh: dict[str, str] = {}  # what was sealed here is opened once soon after, to render the stack

    def generate(self) -> str:
        """32 characters of [A-Za-z0-9]: 190 bits."""
        password = b""
        while len(password) < PASSWORD_LENGTH:
            password += secrets.token_bytes(PASSWORD_LENGTH * 2).translate(_LETTER_OF_BYTE, _UNEVEN)
        return password[:PASSWORD_LENGTH].decode("ascii")

    def seal(self, plain: str) -> str:
        """Raises SecretUnreadable without a key, or with another than the state's."""
        if not self._proven:
            self._prove()
        sealed = self._fernet(create=not self._shared).encrypt(plain.encode()).decode("ascii")
        if len(self._fresh) >= FRESH:
            self._fresh.clear()
        self._fresh[sealed] = plain
        return sealed

    def _prove(self) -> None:
        """Once per process; a witness also forbids to make a key anew."""
        sealed = self._witness()
        if sealed is not None:
            self.open(sealed)
        self._proven = True

    def open(self, sealed: str) -> str:
        """Raises SecretUnreadable when it was sealed under another key, or the key is lost."""
        from cryptography.fernet import InvalidToken

        if sealed in self._fresh:
            return self._fresh.pop(sealed)
        try:
            return self._fernet().decrypt(sealed.encode()).decode()
        except (InvalidToken, UnicodeError) as error:
            raise SecretUnreadable(
                f"a secret was sealed under another key than {self._key_file}",
                "put back the key file that belongs to this state, or name it with LOOMA_SECRET_KEY_FILE",
            ) from error

    def _fernet(self, *, create: bool = False) -> Fernet:
        """Read once: a key that is lost while this process runs is neither missed nor made anew."""
        if self._loaded is None:
            if create and not self._key_file.exists():
                self._create()
            self._loaded = self._load()
        return self._loaded

    def _load(self) -> Fernet:
        from cryptography.fernet import Fernet

        try:
            return Fernet(self._read())
        except ValueError as error:
            raise SecretUnreadable(f"{self._key_file} holds no key: {error}", "put back the key file that belongs to this state") from error

    def _read(self) -> bytes:
        try:
            self._refuse_exposed(self._key_file.stat().st_mode)
            return self._key_file.read_bytes().strip()
        except FileNotFoundError as error:
            hint = "put it back from where it is kept, or name it with LOOMA_SECRET_KEY_FILE"
            raise SecretUnreadable(f"the key {self._key_file} is not there", hint) from error
        except OSError as error:
            hint = "run looma as the user whose key it is"
            raise SecretUnreadable(f"the key {self._key_file} cannot be read: {error.strerror}", hint) from error

    def _refuse_exposed(self, mode: int) -> None:
        """As ssh does with private keys. A mounted secret (a shared key) may be readable to others, but nobody else may write it."""
        forbidden = stat.S_IWGRP | stat.S_IWOTH if self._shared else stat.S_IRWXG | stat.S_IRWXO
        if mode & forbidden:
            raise SecretUnreadable(
                f"the key {self._key_file} is open to other users (mode {stat.S_IMODE(mode):04o})", f"chmod 600 {self._key_file}"
            )

    def _create(self) -> None:
        try:
            make_once(self._key_file, base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        except OSError as error:
            hint = "free some disk, or set LOOMA_HOME to a folder that you may write to"
            raise SecretUnreadable(f"the key {self._key_file} cannot be made: {error.strerror}", hint) from error

    def check_key_pair(self, chain: str, key: str) -> None:
        """Raises InvalidValue unless both are PEM, belong together and have not expired."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        certificate = self._certificate(chain)
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if certificate.public_key().public_bytes(*form) != _private_key(key).public_key().public_bytes(*form):
            raise InvalidValue("the TLS key does not belong to the first certificate of the chain", "give the key that it was made for")

    def _certificate(self, chain: str) -> Certificate:
        from cryptography import x509

        try:
            first = x509.load_pem_x509_certificates(chain.encode())[0]
        except ValueError as error:
            raise InvalidValue(f"the TLS certificate is not PEM: {_line(error)}", "give a file with -----BEGIN CERTIFICATE-----") from error
        if first.not_valid_after_utc <= self._clock.now():
            raise InvalidValue(f"the TLS certificate expired at {first.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}", "renew it first")
        return first


def _private_key(key: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(key.encode(), password=None)
    except TypeError as error:
        raise InvalidValue("the TLS key is encrypted", "decrypt it first: openssl pkey -in KEY -out PLAIN") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidValue("the TLS key is not a PEM private key", "give a file with -----BEGIN PRIVATE KEY-----") from error


def _line(error: object) -> str:
    return " ".join(str(error).split())[:200]
