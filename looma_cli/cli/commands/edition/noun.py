"""The noun that the modules of this folder register their verbs with."""

from looma_cli.cli.command import Noun

noun = Noun("edition", "Look at, compare and choose editions; move tenants from one to another.")
