"""Which tenants a release is brought to, in which waves, and which images that needs; who runs which release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from looma_cli.model.edition import Edition
from looma_cli.model.fleet import EditionReleases, FleetMember, FleetPlan, LeftOut, ReleaseCount, Wave, WaveSize
from looma_cli.model.operation import OPEN_STATUSES, Operation, Plan
from looma_cli.model.tenant import SERVING, Tenant
from looma_cli.plan.create import components_of, image_references, resolve_release
from looma_cli.plan.upgrade import ROLLBACK, UPGRADE
from looma_cli.steps.generations import ChangeGeneration
from looma_cli.steps.layers import PullImages

UNFINISHED = (*OPEN_STATUSES, "failed")


def plan_fleet(
    edition: Edition, release: str, tenants: Sequence[Tenant], opened: Mapping[str, Operation], sizes: Sequence[WaveSize]
) -> FleetPlan:
    """All of the edition's tenants that serve: those on the release already are in no wave, so that the others have a canary among
    themselves; of these come first those with an interrupted upgrade to it, then the others by name. ``opened`` are unfinished
    operations by tenant. Raises NotFound (release)."""
    resolve_release(edition, release)
    mine = sorted((tenant for tenant in tenants if tenant.edition == edition.name), key=lambda tenant: tenant.name)
    members = [_member(tenant, release, opened.get(tenant.name)) for tenant in mine if tenant.status in SERVING]
    waiting = sorted((member for member in members if not member.done), key=lambda member: member.operation is None)
    already = tuple(member for member in members if member.done)
    left_out = tuple(LeftOut(tenant, _reason(tenant, opened.get(tenant.name))) for tenant in mine if tenant.status not in SERVING)
    warnings = (*_in_the_way(waiting, opened), *_backwards(edition, release, waiting))
    return FleetPlan(edition.name, release, divided(waiting, sizes), left_out, warnings, already)


def divided(members: Sequence[FleetMember], sizes: Sequence[WaveSize]) -> tuple[Wave, ...]:
    """Every member in one wave, in order; percentages are of all members, and each wave's are further ones. No wave is empty."""
    waves, begun = [], 0
    for size in sizes:
        count = size.of(len(members), len(members) - begun)
        if count:
            waves.append(Wave(len(waves) + 1, size.text, tuple(members[begun : begun + count])))
        begun += count
    return tuple(waves)


def target_release(operation: Operation) -> str | None:
    """The release to which an operation moves its tenant."""
    changes = (step.params["changes"] for step in operation.plan.steps if step.name == ChangeGeneration.name)
    return next((fields.get("release") for fields in changes), None)


def _member(tenant: Tenant, release: str, operation: Operation | None) -> FleetMember:
    """An upgrade that is past its pivot has the release in the tenant's record already, and is not through."""
    ours = operation is not None and operation.kind == UPGRADE and target_release(operation) == release
    if operation is not None and ours:
        return FleetMember(tenant, operation=operation.id)
    return FleetMember(tenant, done=tenant.release == release)


def _reason(tenant: Tenant, operation: Operation | None) -> str:
    return f"{tenant.status}: {operation.kind} {operation.id} is {operation.status}" if operation else tenant.status


def _in_the_way(members: Sequence[FleetMember], opened: Mapping[str, Operation]) -> list[str]:
    blocked = [(m.name, opened[m.name]) for m in members if m.name in opened and m.operation is None]
    return [f"{name} cannot be upgraded while its {one.kind} {one.id} is {one.status}" for name, one in blocked]


def _backwards(edition: Edition, release: str, members: Sequence[FleetMember]) -> list[str]:
    newer = edition.releases[edition.releases.index(release) + 1 :]
    names = [member.name for member in members if member.tenant.release in newer]
    return [f"{release} is older than what runs on {', '.join(names)}: what the newer one did to the data stays"] if names else []


# images
def image_checks(plan: FleetPlan, edition: Edition, registry: str, support: Mapping[str, Sequence[str]]) -> list[PullImages]:
    """One for each host and source of what the tenants still need. ``support`` are the images of no edition, by source (registry, local).
    Raises ImageUnavailable for a component without a local image."""
    needed: dict[tuple[str, str], set[str]] = {}
    for tenant in (member.tenant for member in plan.members if not member.done):
        services = [one for one in components_of(edition, tenant.profile) if one.layer == "app"]
        references = image_references(replace(tenant, release=plan.release), services, edition, registry)
        needed.setdefault((tenant.host, tenant.images), set(support[tenant.images])).update(references)
    return [PullImages("", host, sorted(references), images == "local") for (host, images), references in sorted(needed.items())]


def as_plan(plan: FleetPlan, checks: Sequence[PullImages], warnings: Sequence[str]) -> Plan:
    """What would be done, for people: no operation has this plan, every tenant has its own."""
    steps = tuple(check.planned("before any tenant is touched") for check in checks)
    lines = tuple(
        f"~ wave {wave.number} ({wave.size}): {member.name} {member.tenant.release} -> {plan.release}"
        + (f", going on with {member.operation}" if member.operation else "")
        for wave in plan.waves
        for member in wave.members
    )
    already = [f"{len(plan.already)} of {len(plan.members)} tenants run {plan.release} already"] if plan.already and lines else []
    left_out = [f"{one.tenant.name} is left out: {one.reason}" for one in plan.left_out]
    nothing = [] if lines else [f"no tenant of {plan.edition} is to be brought to {plan.release}"]
    return Plan("fleet.upgrade", "", steps, len(steps), lines, (*nothing, *already, *left_out, *plan.warnings, *warnings))


# who runs what
def releases_of(edition: str, known: Edition | None, tenants: Sequence[Tenant], last: Mapping[str, Operation]) -> EditionReleases:
    """``tenants`` are the edition's, ``last`` the last change of release of each, ``known`` the edition if the catalogue has it."""
    order = list(known.releases) if known else []
    counts, serving = Counter(t.release for t in tenants), Counter(t.release for t in tenants if t.status in SERVING)
    newest_first = sorted(counts, key=lambda release: (order.index(release) if release in order else -1, release), reverse=True)
    unfinished = [last[t.name] for t in tenants if t.name in last and last[t.name].status in UNFINISHED]
    newest = order[-1] if order else ""
    rows = [ReleaseCount(release, counts[release], serving[release]) for release in newest_first]
    behind = any(tenant.release != newest for tenant in tenants if tenant.status in SERVING)
    return EditionReleases(edition, newest, rows, unfinished, _following(edition, newest if behind else "", unfinished))


def _following(edition: str, newest: str, unfinished: Sequence[Operation]) -> str:
    """First what is not through, by the command that goes on with all of it, then what has a newer release."""
    for operation in unfinished:
        if operation.kind == ROLLBACK and operation.status in OPEN_STATUSES:
            return f"looma operation resume {operation.id}"
    targets = (target_release(one) for one in unfinished if one.kind == UPGRADE)
    release = next((target for target in targets if target), newest)
    return f"looma fleet upgrade --edition {edition} --release {release}" if release else ""
