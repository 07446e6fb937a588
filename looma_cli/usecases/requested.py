"""What a request means beside a tenant that exists: its certificate, how it differs, and names that are not for tenants."""

from __future__ import annotations

from looma_cli.errors import AlreadyExists, InvalidValue
from looma_cli.model.protocols import Engine, State
from looma_cli.model.requests import UNSET, CreateRequest, UpdateRequest
from looma_cli.model.tenant import Certificate, Tenant
from looma_cli.usecases.changing import refuse_open
from looma_cli.usecases.context import Context

PLATFORM_NAME = "looma-core"
SCRATCH_NAME = "looma-scratch"  # stacks in which backups are proven


def refuse_platform_name(name: str) -> None:
    """Raises AlreadyExists for a name that the provider's own stack has or may get on another host, or that a scratch stack may get."""
    if name.startswith(SCRATCH_NAME + "-"):
        raise AlreadyExists(f"names like {name} are those of scratch stacks", "choose another name")
    if name == PLATFORM_NAME or name.startswith(PLATFORM_NAME + "-"):
        raise AlreadyExists(f"names like {name} are the platform's own", "choose another name; looma core up starts the platform")


def refuse_deployed(engine: Engine, name: str) -> None:
    """Raises AlreadyExists when the engine has a stack of this name that the state does not count on: it is not ours to undo."""
    if engine.workloads(name) or engine.volumes(name):
        raise AlreadyExists(
            f"the engine already has containers or volumes of a tenant {name} that this state does not know",
            "looma state audit shows them; looma state rebuild takes them back into the state",
        )


def refuse_interrupted(context: Context, state: State, name: str) -> None:
    """Raises Held for an unfinished operation whose holder is gone; a living holder is left for the lease to name."""
    lease = state.lease(f"tenant:{name}")
    if lease is None or not context.world.leases.alive(lease):
        refuse_open(state, name)


def requested_certificate(context: Context, request: UpdateRequest, *, dry_run: bool) -> Certificate | None:
    """The certificate of an update; None for none and for one that is taken away. Raises InvalidValue for half a pair."""
    chain = None if request.tls_certificate is UNSET else request.tls_certificate
    key = None if request.tls_key is UNSET else request.tls_key
    return seal_certificate(context, chain, key, dry_run=dry_run)


def differences(tenant: Tenant, request: CreateRequest, images: str) -> list[str]:
    """Names of the arguments by which a repeated create differs from the tenant that exists; ``images`` is registry or local."""
    pairs = {
        "edition": (tenant.edition, request.edition),
        "release": (tenant.release, request.release or tenant.release),
        "host": (tenant.host, request.host or tenant.host),
        "profile": (tenant.profile, request.profile),
        "hostname": (tenant.hostname, request.hostname),
        "display name": (tenant.display_name, request.display_name or tenant.display_name),
        "ports": (tenant.port_policy, request.ports),
        "images": (tenant.images, images),
        "set": (dict(tenant.settings), dict(request.settings)),
        "certificate": (tenant.certificate.chain if tenant.certificate else None, request.tls_certificate),
    }
    return [name for name, (have, want) in pairs.items() if have != want]


def seal_certificate(context: Context, chain: str | None, key: str | None, *, dry_run: bool = False) -> Certificate | None:
    """The certificate with its key sealed (a dry run only checks). Raises InvalidValue when only one of both is given."""
    if chain is None and key is None:
        return None
    if not chain or not key:
        raise InvalidValue("a certificate needs its key, and a key its certificate", "give both --tls-cert and --tls-key")
    context.world.vault.check_key_pair(chain, key)
    return Certificate(chain, "" if dry_run else context.world.vault.seal(key))
