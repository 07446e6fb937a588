"""A release that is brought to many tenants: the waves in which it goes, and what became of each tenant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from looma_cli.errors import InvalidValue, LoomaError
from looma_cli.model.operation import Operation
from looma_cli.model.tenant import Tenant
from looma_cli.model.validation import shown

WAVES = "1,5%,25%,rest"
REST = "rest"
MOST_WAVES = 20
_NUMBER = re.compile(r"[1-9][0-9]{0,6}")
_SHARE = re.compile(r"([1-9][0-9]?|100)%")
_HINT = f"numbers of tenants and percentages of all of them, the last one rest, like {WAVES}"


@dataclass(frozen=True, slots=True)
class WaveSize:
    """How many tenants a wave has: ``5``, ``5%`` of all that are to be upgraded (at least one), or ``rest``, all that are left."""

    text: str

    @property
    def percent(self) -> int:
        """0 for what is no percentage."""
        return int(self.text[:-1]) if self.text.endswith("%") else 0

    def of(self, all_: int, left: int) -> int:
        """How many of ``all_``, of whom ``left`` are in no wave yet."""
        if self.text == REST:
            return left
        wanted = max(all_ * self.percent // 100, 1) if self.percent else int(self.text)
        return min(wanted, left)


def wave_sizes(text: str) -> tuple[WaveSize, ...]:
    """``1,5%,25%,rest``. Raises InvalidValue."""
    words = text.split(",")
    for number, word in enumerate(words, 1):
        if word != REST and not _NUMBER.fullmatch(word) and not _SHARE.fullmatch(word):
            raise InvalidValue(f"{shown(word)} is not the size of a wave", _HINT)
        if (word == REST) != (number == len(words)):
            raise InvalidValue(f"the waves {shown(text)} do not end with one rest", _HINT)
    sizes = tuple(WaveSize(word) for word in words)
    if len(sizes) > MOST_WAVES:
        raise InvalidValue(f"{len(sizes)} waves are too many", f"at most {MOST_WAVES}")
    if (percent := sum(size.percent for size in sizes)) > 100:
        hint = "percentages are of all that are to be upgraded, and add up"
        raise InvalidValue(f"the waves {shown(text)} come to {percent} % of the tenants", hint)
    return sizes


@dataclass(frozen=True, slots=True)
class FleetMember:
    """A tenant in a wave. ``operation`` is its interrupted upgrade to the same release; ``done``: it runs the release already."""

    tenant: Tenant
    operation: str | None = None
    done: bool = False

    @property
    def name(self) -> str:
        return self.tenant.name


@dataclass(frozen=True, slots=True)
class Wave:
    number: int
    size: str
    members: tuple[FleetMember, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    tenant: Tenant
    reason: str


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """``already`` run the release, so that no wave has them; ``warnings`` are lines for people."""

    edition: str
    release: str
    waves: tuple[Wave, ...]
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()
    already: tuple[FleetMember, ...] = ()

    @property
    def members(self) -> list[FleetMember]:
        return [*self.already] + [member for wave in self.waves for member in wave.members]


@dataclass(frozen=True, slots=True)
class FleetResult:
    """What became of one tenant: ``status`` is done, failed (its old release serves on, or it is not healthy on the new one), paused or
    not_begun. ``operation`` is None where none was begun."""

    name: str
    status: str
    from_release: str
    to_release: str
    operation: str | None = None
    duration_ms: int | None = None
    error: LoomaError | None = None


@dataclass(frozen=True, slots=True)
class ReleaseCount:
    """``serving`` of the ``tenants`` run or are suspended."""

    release: str
    tenants: int
    serving: int


@dataclass(frozen=True, slots=True)
class EditionReleases:
    """The tenants of one edition by release, the newest first. ``newest`` is the newest that there is, empty for an edition that is no
    more; ``unfinished`` the last changes of release of those tenants where it failed or is not through; ``following`` what to type."""

    edition: str
    newest: str
    releases: Sequence[ReleaseCount]
    unfinished: Sequence[Operation]
    following: str
