"""Ports and networks as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from looma_cli.cli.layout import Column
from looma_cli.cli.layout import table as laid_out
from looma_cli.cli.terminal import Screen
from looma_cli.cli.words import state

PORTS = (
    Column("port", right=True),
    Column("address", drop=2),
    Column("tenant", least=10),
    Column("component", least=12),
    Column("layer", drop=3),
    Column("host", drop=5, least=5),
    Column("proto", drop=6),
    Column("canonical", drop=7),
    Column("state", drop=1),
)
CONFLICTS = (Column("port", right=True), Column("documented by", least=15, wrap=True), Column("and by", least=15, wrap=True))
NETWORKS = (Column("cidr"), Column("tenant", least=10), Column("layer"), Column("host", drop=2, least=5), Column("name", drop=1, least=12))


def ports(allocations: Sequence[Any], screen: Screen) -> list[str]:
    return laid_out(PORTS, [_port(a) for a in allocations], screen)


def _port(a: Any) -> tuple[str, ...]:
    documented = "yes" if a.canonical else "no"
    return str(a.host_port), a.address, a.tenant or "", a.component, a.layer, a.host, a.protocol, documented, state(a.state)


def conflicts(pairs: Sequence[Any], screen: Screen) -> list[str]:
    rows = [(str(c.port), *(f"{claim.edition} {claim.component}" for claim in c.claims)) for c in pairs]
    return laid_out(CONFLICTS, rows, screen)


def networks(subnets: Sequence[Any], screen: Screen) -> list[str]:
    return laid_out(NETWORKS, [(s.cidr, s.tenant, s.layer, s.host, s.name) for s in subnets], screen)
