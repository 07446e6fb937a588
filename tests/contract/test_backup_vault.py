"""The contract of BackupVault, and what its passphrase file can suffer."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from looma_cli.adapters.repository import PassphraseVault
from looma_cli.errors import WrongPassphrase
from tests.contract.unwell import read_only, run_on


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text("correct horse\n")
    return file


@pytest.mark.parametrize("plain", ["", "x", "密码 \0 \n emoji 🙂", "long " * 10_000])
def test_what_was_sealed_opens_under_the_same_passphrase_anywhere(file: Path, tmp_path: Path, plain: str) -> None:
    sealed = PassphraseVault(file).seal(plain)
    other = tmp_path / "elsewhere"
    other.write_text("  correct horse")  # restic reads it without the blanks around
    assert PassphraseVault(other).open(sealed) == plain
    assert len(plain) < 2 or plain not in sealed


def test_another_passphrase_opens_nothing(file: Path, tmp_path: Path) -> None:
    sealed = PassphraseVault(file).seal("secret")
    file.write_text("another\n")
    with pytest.raises(WrongPassphrase) as raised:
        PassphraseVault(file).open(sealed)
    assert "LOOMA_BACKUP_PASSPHRASE_FILE" in raised.value.hint


def test_each_vault_has_a_salt_and_each_text_looks_different(file: Path) -> None:
    vault = PassphraseVault(file)
    first, second, other = vault.seal("secret"), vault.seal("secret"), PassphraseVault(file).seal("secret")
    assert len({first, second, other}) == 3
    assert first.rpartition(":")[0] == second.rpartition(":")[0] != other.rpartition(":")[0]
    assert [vault.open(text) for text in (first, second, other)] == ["secret"] * 3


def test_a_text_that_was_tampered_with_does_not_open(file: Path) -> None:
    vault = PassphraseVault(file)
    form, log_n, r, p, salt, token = vault.seal("secret").split(":")
    assert (form, log_n, r, p, len(base64.urlsafe_b64decode(salt))) == ("scrypt", "15", "8", "3", 16)
    flipped = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    parts = [(form, log_n, r, p, salt, flipped), (form, "14", r, p, salt, token), (token,), ("scrypt", "a", "b", "c", "d", "e"), ()]
    for text in map(":".join, parts):
        with pytest.raises(WrongPassphrase):
            vault.open(text)


@pytest.mark.parametrize("parameters", ["40:8:1", "15:100000:1", "15:8:100000", "-1:8:1", "0:8:1"])
def test_a_hostile_text_costs_nothing(file: Path, parameters: str) -> None:
    *_, salt, token = PassphraseVault(file).seal("secret").split(":")
    with pytest.raises(WrongPassphrase):
        PassphraseVault(file).open(f"scrypt:{parameters}:{salt}:{token}")


def test_a_home_s_own_passphrase_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "home" / "backup.passphrase"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: PassphraseVault(file, own=True).ensure(), range(8)))
    assert sorted(made) == [False] * 7 + [True]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    passphrase = file.read_text()
    assert len(passphrase.strip()) == 32
    assert not PassphraseVault(file, own=True).ensure()
    assert file.read_text() == passphrase
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]


def test_one_that_the_settings_name_is_never_made(tmp_path: Path, file: Path) -> None:
    assert not PassphraseVault(file).ensure()
    with pytest.raises(WrongPassphrase):
        PassphraseVault(tmp_path / "missing").ensure()
    assert not (tmp_path / "missing").exists()
    file.write_text("\n")
    for deed in (PassphraseVault(file).ensure, lambda: PassphraseVault(file).seal("x"), PassphraseVault(file, own=True).ensure):
        with pytest.raises(WrongPassphrase):
            deed()


def test_where_none_can_be_made_that_is_said(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from looma_cli.adapters.repository import PassphraseVault
from looma_cli.errors import WrongPassphrase
try:
    PassphraseVault(Path("{tmp_path}/backup.passphrase"), own=True).ensure()
except WrongPassphrase as error:
    print(error.message.rpartition(": ")[2])
"""
    assert run_on(read_only(tmp_path), code) == ["Read-only file system"]
