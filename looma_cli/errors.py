"""Every way to fail, drawn as a tree: a stable code, an exit code, one line of what and one line of what to do.

The exit codes are the contract's: 1 failed (and put back), 2 usage, 3 unknown, 4 conflict, 5 unhealthy, 6 not permitted,
7 engine, compose or host not reachable, 8 paused, 130 Ctrl-C.
"""

from __future__ import annotations

from typing import Any


class LoomaError(Exception):
    """Base of all errors that looma raises on purpose.

    ``message`` says what is wrong in one line, ``hint`` what to do in one line; ``details`` are JSON-safe facts for callers.
    """

    code = "failed"
    exit_code = 1

    def __init__(self, message: str, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


# 1: failed, and put back
class OperationFailed(LoomaError):
    """A plan failed and its steps were undone; ``details['operation']`` names it."""

    code = "operation_failed"


class CommandFailed(LoomaError):
    """An outside program answered with an error; the message carries its last line."""

    code = "command_failed"


class TimedOut(CommandFailed):
    """A program took longer than it may and was ended; ``details['output']`` is what it had said."""

    code = "timed_out"


class ImageUnavailable(LoomaError):
    """An image is neither on the host, nor can it be pulled or built."""

    code = "image_unavailable"


class RenderFailed(LoomaError):
    """A template or its result is not a valid layer."""

    code = "render_failed"


class EdgeRefused(LoomaError):
    """The edge's configuration check (``nginx -t``) refused a route; the old configuration still serves."""

    code = "edge_refused"


class StateUnusable(LoomaError):
    """The state cannot be read or written: corrupt, locked, foreign, not writable, or the disk is full."""

    code = "state_unusable"


class StateTooNew(StateUnusable):
    """The state was written by a newer release of looma."""

    code = "state_too_new"


class SecretUnreadable(LoomaError):
    """A sealed secret does not open with this home's key."""

    code = "secret_unreadable"


class BackupFailed(LoomaError):
    """A backup set is not complete, or a restore did not reproduce it."""

    code = "backup_failed"


class RepositoryDamaged(BackupFailed):
    """Bytes in a backup repository are not those that were written."""

    code = "repository_damaged"


class ReplicationFailed(LoomaError):
    """A datastore cannot follow another, or has stopped following it; the message carries the server's reason."""

    code = "replication_failed"


class WrongPassphrase(LoomaError):
    """The passphrase does not open the repository, or what was sealed under it."""

    code = "wrong_passphrase"


# 2: usage
class UsageError(LoomaError):
    """Malformed input, or a value that is not one of a fixed list."""

    code = "usage"
    exit_code = 2


class InvalidName(UsageError):
    code = "invalid_name"


class InvalidValue(UsageError):
    code = "invalid_value"


class InvalidManifest(UsageError):
    """An edition manifest, component file or override is wrong; ``details['problems']`` lists ``{line, message}``."""

    code = "invalid_manifest"


class ConfirmationRequired(UsageError):
    """A destructive command without ``--yes`` where nobody can be asked."""

    code = "confirmation_required"


# 3: well-formed but unknown
class NotFound(LoomaError):
    code = "not_found"
    exit_code = 3


# 4: conflict
class Conflict(LoomaError):
    code = "conflict"
    exit_code = 4


class AlreadyExists(Conflict):
    code = "already_exists"


class Held(Conflict):
    """Another operation holds the tenant; the message names holder and operation."""

    code = "held"


class NotAllowed(Conflict):
    """The thing is in a state in which the command makes no sense."""

    code = "not_allowed"


class NoFreePorts(Conflict):
    code = "no_free_ports"


class NoFreeSubnet(Conflict):
    code = "no_free_subnet"


class NoRoom(Conflict):
    """No host has room for a tenant; ``details['lacks']`` are lines of what is missing where."""

    code = "no_room"


class Overtaken(Conflict):
    """Somebody else placed a tenant on the same host at the same moment; the decision is made again."""

    code = "overtaken"


class PortTaken(Conflict):
    """The engine itself says that a port is taken; ``details`` has ``port`` and, if known, ``address``."""

    code = "port_taken"


class SubnetTaken(Conflict):
    """The engine itself says that a subnet overlaps another; ``details['cidr']``."""

    code = "subnet_taken"


class BackupTooNew(Conflict):
    """A backup set was written by a newer release of looma."""

    code = "backup_too_new"


class RepositoryLocked(Conflict):
    """Somebody else works exclusively on a backup repository."""

    code = "repository_locked"


# 5: unhealthy
class Unhealthy(LoomaError):
    code = "unhealthy"
    exit_code = 5


# 6: not permitted
class NotPermitted(LoomaError):
    code = "not_permitted"
    exit_code = 6


# 7: not reachable
class Unreachable(LoomaError):
    code = "unreachable"
    exit_code = 7


class EngineUnavailable(Unreachable):
    code = "engine_unavailable"


class ComposeUnavailable(Unreachable):
    code = "compose_unavailable"


class HostUnreachable(Unreachable):
    code = "host_unreachable"


class HostKeyChanged(HostUnreachable):
    """A host shows another key than the pinned one; ``details`` have the fingerprints ``pinned`` and ``offered`` (None: not shown)."""

    code = "host_key_changed"


class RepositoryUnreachable(Unreachable):
    """A backup repository, or what it needs (restic, sshd, the server), does not answer."""

    code = "repository_unreachable"


# 8 and 130: not finished, to be resumed
class Paused(LoomaError):
    """The operation stopped between two steps, or its outcome is unknown; ``details['operation']`` resumes it."""

    code = "paused"
    exit_code = 8


class Cancelled(LoomaError):
    """Ctrl-C or SIGTERM: the current step was finished and the operation paused."""

    code = "interrupted"
    exit_code = 130
