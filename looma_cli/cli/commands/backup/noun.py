"""The noun that the modules of this folder register their verbs with."""

from looma_cli.cli.command import Noun

noun = Noun("backup", "Take, prove, restore and keep backups of tenants.")
