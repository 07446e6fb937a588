"""The noun that the modules of this folder register their verbs with."""

from looma_cli.cli.command import Noun

noun = Noun("tenant", "Create, run, change and delete tenants.")
