"""The noun that the modules of this folder register their verbs with."""

from looma_cli.cli.command import Noun

noun = Noun("host", "Add, look at, close and empty the hosts that tenants run on.")
