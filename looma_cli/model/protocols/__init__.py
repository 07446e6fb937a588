"""The Protocols through which everything outside is touched. Adapters implement them; fakes pass the same contract tests.

All methods raise only errors of ``looma_cli.errors``. No Protocol knows compose words: a layer is created, started, stopped, removed.
"""

from looma_cli.model.protocols.backup import Archives, BackupVault, Repository, Scheduler
from looma_cli.model.protocols.datastore import Chunks, Datastore, Moment
from looma_cli.model.protocols.engine import Engine, Program
from looma_cli.model.protocols.files import Catalog, PlanFiles, Renderer, StackFiles, Vault
from looma_cli.model.protocols.host import Edge, Health, HostAccess
from looma_cli.model.protocols.images import ImageSender
from looma_cli.model.protocols.process import Clock, Crew, HeldLease, Leases, Workers
from looma_cli.model.protocols.relay import Relay
from looma_cli.model.protocols.state import State, Store

__all__ = [
    "Archives",
    "BackupVault",
    "Catalog",
    "Chunks",
    "Clock",
    "Crew",
    "Datastore",
    "Edge",
    "Engine",
    "Health",
    "HeldLease",
    "HostAccess",
    "ImageSender",
    "Leases",
    "Moment",
    "PlanFiles",
    "Program",
    "Relay",
    "Renderer",
    "Repository",
    "Scheduler",
    "StackFiles",
    "State",
    "Store",
    "Vault",
    "Workers",
]
