"""The contract of Vault, and what its key file can suffer."""

from __future__ import annotations

import multiprocessing
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.vault import FernetVault
from looma_cli.errors import InvalidValue, SecretUnreadable
from tests.contract.unwell import run_on, small

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "secret.key"


@pytest.fixture
def vault(key_file: Path) -> FernetVault:
    return FernetVault(key_file, SystemClock())


def test_generated_passwords_are_32_letters_and_digits_and_never_the_same(vault: FernetVault) -> None:
    generated = {vault.generate() for _ in range(200)}
    assert len(generated) == 200
    assert all(re.fullmatch("[A-Za-z0-9]{32}", password) for password in generated)
    assert len(set("".join(generated))) == 62


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plain=st.text(st.characters(exclude_categories=["Cs"]), max_size=2000))
def test_what_was_sealed_opens(vault: FernetVault, plain: str) -> None:
    sealed = vault.seal(plain)
    assert vault.open(sealed) == plain
    assert len(plain) < 4 or plain not in sealed
    assert vault.seal(plain) != sealed


def test_the_key_is_private_and_made_by_the_first_seal_only(key_file: Path, vault: FernetVault) -> None:
    vault.generate()
    assert not key_file.parent.exists()
    vault.seal("x")
    key = key_file.read_bytes()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    another = FernetVault(key_file, SystemClock())
    assert another.open(vault.seal("y")) == "y"
    assert another.open(another.seal("z")) == "z"
    assert key_file.read_bytes() == key
    assert [path.name for path in key_file.parent.iterdir()] == ["secret.key"]


def _seal(key_file: str, barrier: object, sealed: object) -> None:
    vault = FernetVault(Path(key_file), SystemClock())
    barrier.wait()  # type: ignore[attr-defined]
    sealed.put(vault.seal("same"))  # type: ignore[attr-defined]


@pytest.mark.slow
def test_32_processes_that_race_for_the_key_end_with_one(key_file: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__])
    barrier, sealed = context.Barrier(32, timeout=120), context.Queue()
    processes = [context.Process(target=_seal, args=(str(key_file), barrier, sealed)) for _ in range(32)]
    for process in processes:
        process.start()
    texts = [sealed.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    vault = FernetVault(key_file, SystemClock())
    assert [vault.open(text) for text in texts] == ["same"] * 32
    assert [path.name for path in key_file.parent.iterdir()] == ["secret.key"]


def test_what_another_key_sealed_does_not_open(tmp_path: Path, vault: FernetVault) -> None:
    other = FernetVault(tmp_path / "other.key", SystemClock())
    sealed = other.seal("x")
    vault.seal("make a key")
    with pytest.raises(SecretUnreadable, match=r"sealed under another key than .*secret\.key") as caught:
        vault.open(sealed)
    assert "LOOMA_SECRET_KEY_FILE" in caught.value.hint


@pytest.mark.parametrize("damage", ["cut short", "empty", "one letter changed", "no token"])
def test_a_damaged_secret_does_not_open(vault: FernetVault, damage: str) -> None:
    sealed = vault.seal("x")
    other = "A" if sealed[60] != "A" else "B"
    damaged = {"cut short": sealed[:-4], "empty": "", "one letter changed": sealed[:60] + other + sealed[61:], "no token": "中文"}
    with pytest.raises(SecretUnreadable):
        vault.open(damaged[damage])


def test_a_lost_key_is_not_replaced_by_opening(key_file: Path, vault: FernetVault) -> None:
    sealed = vault.seal("x")
    key_file.unlink()
    with pytest.raises(SecretUnreadable, match=r"secret\.key is not there") as caught:
        FernetVault(key_file, SystemClock()).open(sealed)
    assert "put it back" in caught.value.hint
    assert not key_file.exists()


def test_a_key_that_is_lost_meanwhile_is_not_made_anew(key_file: Path, vault: FernetVault) -> None:
    kept = vault.seal("x")
    key = key_file.read_bytes()
    key_file.unlink()
    sealed = vault.seal("y")
    assert not key_file.exists()
    key_file.write_bytes(key)
    key_file.chmod(0o600)
    again = FernetVault(key_file, SystemClock())
    assert (again.open(kept), again.open(sealed)) == ("x", "y")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_may_read_is_refused(key_file: Path, vault: FernetVault, mode: int) -> None:
    sealed = vault.seal("x")
    key_file.chmod(mode)
    with pytest.raises(SecretUnreadable, match=f"open to other users \\(mode 0{mode:o}\\)") as caught:
        FernetVault(key_file, SystemClock()).open(sealed)
    assert caught.value.hint == f"chmod 600 {key_file}"
    assert stat.S_IMODE(key_file.stat().st_mode) == mode


@pytest.mark.parametrize("content", [b"", b"short", b"!" * 44, bytes(range(128, 161))], ids=["empty", "short", "no-base64", "no-text"])
def test_a_file_that_holds_no_key_is_refused_and_left_alone(key_file: Path, content: bytes) -> None:
    key_file.parent.mkdir()
    key_file.write_bytes(content)
    key_file.chmod(0o600)
    with pytest.raises(SecretUnreadable, match="holds no key"):
        FernetVault(key_file, SystemClock()).seal("x")
    assert key_file.read_bytes() == content


def test_a_key_file_that_is_a_folder_is_refused(key_file: Path) -> None:
    key_file.mkdir(mode=0o700, parents=True)
    with pytest.raises(SecretUnreadable, match="cannot be read: Is a directory"):
        FernetVault(key_file, SystemClock()).seal("x")


def test_no_key_can_be_made_where_nothing_can() -> None:
    with pytest.raises(SecretUnreadable, match=r"/proc/looma/secret\.key cannot be made"):
        FernetVault(Path("/proc/looma/secret.key"), SystemClock()).seal("x")


def test_a_full_disk_gets_no_half_key(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.vault import FernetVault
from looma_cli.errors import SecretUnreadable
home = Path({str(tmp_path)!r})
try:
    (home / "filling").write_bytes(b"x" * 100_000)
except OSError:
    pass
try:
    FernetVault(home / "secret.key", SystemClock()).seal("x")
except SecretUnreadable as error:
    print(error.message)
print(sorted(path.name for path in home.iterdir()))
"""
    message, left = run_on(small(tmp_path, 8), code)
    assert "secret.key cannot be made: No space left on device" in message
    assert left == "['filling']"


# a key that several controllers share
def test_a_shared_key_may_be_readable_to_others_but_not_writable(tmp_path: Path, vault: FernetVault, key_file: Path) -> None:
    sealed = vault.seal("x")
    shared = tmp_path / "mounted"
    shared.write_bytes(key_file.read_bytes())
    shared.chmod(0o444)
    assert FernetVault(shared, SystemClock(), shared=True).open(sealed) == "x"
    shared.chmod(0o666)
    with pytest.raises(SecretUnreadable, match="open to other users"):
        FernetVault(shared, SystemClock(), shared=True).open(sealed)


def test_a_shared_key_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(SecretUnreadable, match="is not there"):
        FernetVault(tmp_path / "mounted", SystemClock(), shared=True).seal("x")
    assert list(tmp_path.iterdir()) == []


# TLS
NOW = datetime.now(UTC)


def certificate(key: PrivateKey, ends: datetime = NOW + timedelta(days=1)) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acme.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    signed = builder.not_valid_before(NOW - timedelta(days=9)).not_valid_after(ends).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def pem(key: PrivateKey, encryption: serialization.KeySerializationEncryption | None = None) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return key.private_bytes(*form, encryption or serialization.NoEncryption()).decode()


KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def test_a_pair_that_belongs_together_is_accepted(vault: FernetVault) -> None:
    authority = certificate(OTHER_KEY)
    vault.check_key_pair(certificate(KEY) + authority, pem(KEY))
    rsa_key = rsa.generate_private_key(65537, 2048)
    vault.check_key_pair(certificate(rsa_key), pem(rsa_key))


@pytest.mark.parametrize(
    ("chain", "key", "message"),
    [
        (certificate(KEY), pem(OTHER_KEY), "does not belong to the first certificate"),
        (certificate(OTHER_KEY) + certificate(KEY), pem(KEY), "does not belong to the first certificate"),
        (certificate(KEY, NOW - timedelta(days=1)), pem(KEY), "expired at"),
        ("", pem(KEY), "certificate is not PEM"),
        ("nonsense 中文", pem(KEY), "certificate is not PEM"),
        (pem(KEY), pem(KEY), "certificate is not PEM"),
        (certificate(KEY).replace("M", "N"), pem(KEY), "certificate is not PEM"),
        (certificate(KEY), "", "key is not a PEM private key"),
        (certificate(KEY), certificate(KEY), "key is not a PEM private key"),
        (certificate(KEY), pem(KEY, serialization.BestAvailableEncryption(b"x")), "key is encrypted"),
    ],
)
def test_a_pair_that_cannot_serve_is_refused(vault: FernetVault, chain: str, key: str, message: str) -> None:
    with pytest.raises(InvalidValue, match=message) as caught:
        vault.check_key_pair(chain, key)
    assert caught.value.hint
    assert "\n" not in caught.value.message


# a state that several homes share
def test_a_second_home_does_not_seal_under_a_key_of_its_own(tmp_path: Path) -> None:
    first = FernetVault(tmp_path / "one" / "secret.key", SystemClock(), witness=lambda: None)
    sealed = first.seal("theirs")
    second = FernetVault(tmp_path / "two" / "secret.key", SystemClock(), witness=lambda: sealed)
    with pytest.raises(SecretUnreadable, match=r"the key .* is not there"):
        second.seal("mine")
    assert not (tmp_path / "two").exists()


def test_a_key_that_is_not_the_states_is_refused(tmp_path: Path) -> None:
    sealed = FernetVault(tmp_path / "one" / "secret.key", SystemClock()).seal("theirs")
    (tmp_path / "two").mkdir()
    FernetVault(tmp_path / "two" / "secret.key", SystemClock()).seal("something")
    other = FernetVault(tmp_path / "two" / "secret.key", SystemClock(), witness=lambda: sealed)
    with pytest.raises(SecretUnreadable, match="under another key") as caught:
        other.seal("mine")
    assert "LOOMA_SECRET_KEY_FILE" in caught.value.hint


def test_the_states_own_key_seals_on(tmp_path: Path) -> None:
    sealed = FernetVault(tmp_path / "secret.key", SystemClock()).seal("theirs")
    again = FernetVault(tmp_path / "secret.key", SystemClock(), witness=lambda: sealed)
    assert again.open(again.seal("mine")) == "mine"
