"""The catalogue's decisions: port conflicts, comparison, recommendation, and the JSON shape of an edition. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

from looma_cli.errors import InvalidValue
from looma_cli.model.edition import Component, Edition, PortClaim, PortConflict

COMPANY_SIZES = ("small", "medium", "large")
CAPABILITIES = {"ai": "AI", "governance": "governance", "identity": "identity"}
"""Traits that a customer may need, and how a sentence calls them."""


# --- port conflicts ---------------------------------------------------------------------------------------------------


def port_conflicts(editions: Iterable[Edition]) -> list[PortConflict]:
    """Host ports that two editions document, by number; a port of three editions makes three pairs.

    What the edge provides is left out: nothing of the stack listens there.
    """
    claims: dict[tuple[int, str], list[PortClaim]] = {}
    for edition in editions:
        for component in edition.components:
            for port in component.ports if component.provided_by is None else ():
                if port.canonical is not None:
                    claims.setdefault((port.canonical, port.protocol), []).append(PortClaim(edition.name, component.name))
    pairs = [(number, pair) for (number, _), claimed in sorted(claims.items()) for pair in combinations(claimed, 2)]
    return [PortConflict(number, pair) for number, pair in pairs if pair[0].edition != pair[1].edition]


# --- comparison -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """What the second of two editions has more, less, and as well, in the order of its manifest."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EditionComparison:
    """From ``first`` to ``second``. Differences of numbers are second minus first; ``price_difference`` is None across currencies."""

    first: Edition
    second: Edition
    features: Difference
    services: Difference
    datastores: Difference
    infrastructure: Difference
    price_difference: float | None
    cpus_difference: float
    memory_bytes_difference: int
    disk_bytes_difference: int


def compare(first: Edition, second: Edition) -> EditionComparison:
    """What changes for a customer who goes from one edition to another."""
    mine, other = first.requirements, second.requirements
    same_currency = first.price.currency == second.price.currency
    return EditionComparison(
        first,
        second,
        features=_difference(first.features, second.features),
        services=_of_kind("service", first, second),
        datastores=_of_kind("datastore", first, second),
        infrastructure=_of_kind("infrastructure", first, second),
        price_difference=second.price.monthly - first.price.monthly if same_currency else None,
        cpus_difference=other.cpus - mine.cpus,
        memory_bytes_difference=other.memory_bytes - mine.memory_bytes,
        disk_bytes_difference=other.disk_bytes - mine.disk_bytes,
    )


def _of_kind(kind: str, first: Edition, second: Edition) -> Difference:
    before, after = ([c.name for c in edition.components if c.kind == kind] for edition in (first, second))
    return _difference(before, after)


def _difference(first: Sequence[str], second: Sequence[str]) -> Difference:
    return Difference(
        tuple(item for item in second if item not in first),
        tuple(item for item in first if item not in second),
        tuple(item for item in second if item in first),
    )


# --- recommendation ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Needs:
    """What a customer says. None and False: does not matter; a True capability and the budget are hard.

    ``budget`` is the most that a month may cost, in ``currency``. Raises InvalidValue.
    """

    company_size: str | None = None  # one of COMPANY_SIZES
    ai: bool = False
    governance: bool = False
    identity: bool = False
    budget: float | None = None
    currency: str = "CNY"

    def __post_init__(self) -> None:
        if self.company_size not in (None, *COMPANY_SIZES):
            raise InvalidValue(f"{self.company_size!r} is no company size", f"choose one of {', '.join(COMPANY_SIZES)}")
        if self.budget is not None and not 0 <= self.budget < float("inf"):
            raise InvalidValue(f"a budget of {self.budget:g} makes no sense", "give the most that a month may cost, for instance 3000")


@dataclass(frozen=True, slots=True)
class Recommendation:
    """``score`` is 0 to 100. An edition with ``misses`` fails a hard need and comes after all that fail none."""

    edition: Edition
    score: int
    reasons: tuple[str, ...]
    misses: tuple[str, ...] = ()

    @property
    def suitable(self) -> bool:
        return not self.misses


@dataclass(slots=True)
class _Judgement:
    """Weighted marks between 0 and 1, and what led to them."""

    marks: list[tuple[float, float]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)

    def mark(self, weight: float, value: float, reason: str) -> None:
        self.marks.append((weight, value))
        self.reasons.append(reason)

    def score(self) -> int:
        total = sum(weight for weight, _ in self.marks)
        return round(100 * sum(weight * value for weight, value in self.marks) / total) if total else 0


def recommend(editions: Sequence[Edition], needs: Needs) -> list[Recommendation]:
    """Every edition that is for sale, the best first: those that meet all hard needs, by score, then the cheaper, then by name.

    Marks (weight): company size 3, each needed capability 3, no capability that is not needed 1, price 1.
    """
    offered = [edition for edition in editions if edition.kind != "platform"]
    judged = [_judge(edition, needs, _price_range(offered, edition.price.currency)) for edition in offered]
    return sorted(judged, key=lambda r: (len(r.misses), -r.score, r.edition.price.monthly, r.edition.name))


def _price_range(editions: Sequence[Edition], currency: str) -> tuple[float, float]:
    prices = [edition.price.monthly for edition in editions if edition.price.currency == currency]
    return min(prices), max(prices)


def _judge(edition: Edition, needs: Needs, prices: tuple[float, float]) -> Recommendation:
    judgement = _Judgement()
    _judge_size(edition, needs, judgement)
    _judge_capabilities(edition, needs, judgement)
    _judge_price(edition, needs, prices, judgement)
    return Recommendation(edition, judgement.score(), tuple(judgement.reasons), tuple(judgement.misses))


def _judge_size(edition: Edition, needs: Needs, judgement: _Judgement) -> None:
    """1 for its own size, 1/2 where it is made for no particular size or the next one, 0 for the far end."""
    if needs.company_size is None:
        return
    sizes = [str(size) for size in _sequence(edition.traits.get("company_size"))]
    if not sizes:
        judgement.mark(3, 0.5, "made for no particular company size")
        return
    distance = min(abs(COMPANY_SIZES.index(size) - COMPANY_SIZES.index(needs.company_size)) for size in sizes)
    judgement.mark(3, 1 - distance / 2, f"made {'' if distance == 0 else 'rather '}for {' and '.join(sizes)} companies")


def _judge_capabilities(edition: Edition, needs: Needs, judgement: _Judgement) -> None:
    unneeded = []
    for trait, title in CAPABILITIES.items():
        has, needed = bool(edition.traits.get(trait)), getattr(needs, trait)
        if needed and has:
            judgement.mark(3, 1, f"has {title}")
        elif needed:
            judgement.marks.append((3, 0))
            judgement.misses.append(f"has no {title}")
        elif has:
            unneeded.append(title)
    reason = f"brings {' and '.join(unneeded)} without need" if unneeded else "brings nothing without need"
    judgement.mark(1, 1 - len(unneeded) / len(CAPABILITIES), reason)


def _judge_price(edition: Edition, needs: Needs, prices: tuple[float, float], judgement: _Judgement) -> None:
    """1 for the cheapest, 0 for the dearest (in one currency)."""
    price, (low, high) = edition.price, prices
    value = 1 - (price.monthly - low) / (high - low) if high > low else 1
    said = f"{price.monthly:g} {price.currency} a month"
    if needs.budget is None:
        judgement.mark(1, value, said)
    elif price.currency == needs.currency and price.monthly <= needs.budget:
        judgement.mark(1, value, f"{said}, within the budget of {needs.budget:g}")
    else:
        judgement.marks.append((1, 0))
        judgement.misses.append(f"{said} is not within the budget of {needs.budget:g} {needs.currency}")


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


# --- JSON -------------------------------------------------------------------------------------------------------------


def edition_document(edition: Edition) -> dict[str, Any]:
    """The contract's ``edition`` object; keys are only ever added."""
    return {
        "name": edition.name,
        "kind": edition.kind,
        "title": edition.title,
        "audience": list(edition.audience),
        "features": list(edition.features),
        "price": asdict(edition.price),
        "requirements": asdict(edition.requirements),
        "releases": list(edition.releases),
        "pool": asdict(edition.pool),
        "port_range": list(edition.port_range),
        "entry": edition.entry,
        "traits": {key: list(value) if isinstance(value, tuple) else value for key, value in edition.traits.items()},
        "components": [component_document(component) for component in edition.components],
    }


def component_document(component: Component) -> dict[str, Any]:
    """``port`` is the documented host port of the component's first port, null where that stays inside the stack."""
    return {
        "name": component.name,
        "kind": component.kind,
        "type": component.type,
        "layer": component.layer,
        "title": component.title,
        "port": component.ports[0].canonical if component.ports else None,
        "ports": [
            {"name": p.name, "port": p.canonical, "container_port": p.container_port, "protocol": p.protocol} for p in component.ports
        ],
        "path": component.path,
        "profiles": list(component.profiles),
        "image": asdict(component.image),
        "resources": {profile: asdict(limits) for profile, limits in component.resources.items()},
        "depends_on": list(component.depends_on),
        "provided_by": component.provided_by,
    }


def conflict_document(conflict: PortConflict) -> dict[str, Any]:
    """The contract's ``conflict`` object."""
    return {"port": conflict.port, "claims": [asdict(claim) for claim in conflict.claims]}


def comparison_document(comparison: EditionComparison) -> dict[str, Any]:
    first, second = comparison.first, comparison.second
    parts = ("features", "services", "datastores", "infrastructure")
    return {
        "first": first.name,
        "second": second.name,
        **{part: {key: list(names) for key, names in asdict(getattr(comparison, part)).items()} for part in parts},
        "price": {"first": asdict(first.price), "second": asdict(second.price), "difference": comparison.price_difference},
        "requirements": {
            "first": asdict(first.requirements),
            "second": asdict(second.requirements),
            "difference": {
                "cpus": comparison.cpus_difference,
                "memory_bytes": comparison.memory_bytes_difference,
                "disk_bytes": comparison.disk_bytes_difference,
            },
        },
    }


def recommendation_document(recommendation: Recommendation) -> dict[str, Any]:
    edition = recommendation.edition
    return {
        "edition": edition.name,
        "title": edition.title,
        "score": recommendation.score,
        "suitable": recommendation.suitable,
        "reasons": list(recommendation.reasons),
        "misses": list(recommendation.misses),
        "price": asdict(edition.price),
    }
