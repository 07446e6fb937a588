"""Scratch stacks, in which backups are proven and switches rehearsed: hidden, each of one operation, and nobody goes on with one that was
interrupted."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from looma_cli.errors import Cancelled, LoomaError, Paused
from looma_cli.model.backup import BackupManifest
from looma_cli.model.codec import decode_tenant
from looma_cli.model.operation import about
from looma_cli.model.tenant import Tenant
from looma_cli.usecases.context import LOCAL, Context
from looma_cli.usecases.requested import SCRATCH_NAME

if TYPE_CHECKING:
    from looma_cli.usecases.operations import OperationUseCases


def scratch_of(manifest: BackupManifest, now: datetime) -> Tenant:
    """The record of a stack in which a set is proven: hidden from lists, without ports, hostname and certificate."""
    known = decode_tenant({**manifest.tenant, "certificate": None, "ports": (), "subnets": ()})
    return replace(
        known,
        name=f"{SCRATCH_NAME}-{secrets.token_hex(4)}",
        display_name=f"proof of {manifest.backup.id}",
        host=LOCAL,
        status="provisioning",
        hostname=None,
        public_port=0,
        platform=True,
        data_generation=1,
        app_generation=1,
        created_at=now,
        updated_at=now,
        health="unknown",
        checked_at=None,
        last_backup=None,
        last_proof=None,
        settings={},
    )


def remove_left(context: Context, operations: OperationUseCases, kind: str, tenant: str | None = None) -> None:
    """Take away the stacks of operations of a kind that were interrupted or are paused, ``tenant``: only of those about it. Raises
    Cancelled, and Paused where one cannot be taken away yet."""
    from looma_cli.runner import pivot_passed  # who only looks needs none

    for operation in operations.list(tenant):
        if operation.kind != kind or operation.status not in ("interrupted", "paused"):
            continue
        go = operations.resume if pivot_passed(operation) else operations.rollback
        try:
            go(operation.id)
        except (Cancelled, Paused):
            raise
        except LoomaError as error:  # taken over by somebody else: theirs
            context.reporter.warn(f"{operation.tenant}, left by {kind} of {about(operation)}, could not be removed: {error.message}")
    _remove_leases(context)


def _remove_leases(context: Context) -> None:
    """Of processes that died before their operation began: nobody asks for a scratch stack's lease once more, and so takes it over."""
    with context.world.store.write() as state:
        for lease in state.leases():
            name = lease.resource.removeprefix("tenant:")
            if name.startswith(f"{SCRATCH_NAME}-") and not state.open_operation(name) and not context.world.leases.alive(lease):
                state.remove_lease(lease.resource)
