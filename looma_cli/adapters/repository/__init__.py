"""TOUCH: the repository in which backups are kept, with restic."""

from looma_cli.adapters.repository.passphrase import PassphraseVault
from looma_cli.adapters.repository.repository import ResticRepository

__all__ = ["PassphraseVault", "ResticRepository"]
