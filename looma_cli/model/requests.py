"""What a user asks for, already validated in form; whether it can be had is decided by the planners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Unset(Enum):
    """Tells "leave it as it is" from "take it away" (None)."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """``release`` None means the newest, ``host`` None the only one, or one that is chosen: among those with the labels ``on``, by the
    policy ``place`` (spread, pack, or None for that of the settings). Certificate and key are PEM text."""

    name: str
    edition: str
    release: str | None = None
    host: str | None = None
    profile: str = "full"
    hostname: str | None = None
    display_name: str | None = None
    ports: str = "auto"
    settings: Mapping[str, str] = field(default_factory=dict)
    tls_certificate: str | None = None
    tls_key: str | None = field(default=None, repr=False)
    start: bool = True
    on: Mapping[str, str] = field(default_factory=dict)
    place: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """``settings`` are added or changed, names in ``unset`` removed; everything left UNSET stays."""

    name: str
    hostname: str | Unset | None = UNSET
    settings: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    profile: str | Unset = UNSET
    display_name: str | Unset = UNSET
    tls_certificate: str | Unset | None = UNSET
    tls_key: str | Unset | None = field(default=UNSET, repr=False)
