"""TOUCH: other machines, over OpenSSH's own client: ~/.ssh/config, agents, jump hosts and keys are its business, not looma's."""

from looma_cli.adapters.ssh.connection import SshConnection
from looma_cli.adapters.ssh.scanning import scan

__all__ = ["SshConnection", "scan"]
