"""Hosts that join the pool."""

from typing import Any

from looma_cli.cli import options
from looma_cli.cli.commands.host.arguments import Address, Capacity, HostKey, Labels, NewName, Offline, Url
from looma_cli.cli.commands.host.keys import agreed_key
from looma_cli.cli.commands.host.noun import noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session, only_one
from looma_cli.model import host_options


@noun.verb(
    "add",
    changes=True,
    waits=False,
    example="""
looma host add h1 ssh://looma@10.0.0.11
looma host add h2 ssh://looma@h2.example:2222 --labels zone=a --address crm.example.com
looma host add h3 ssh://looma@10.0.0.13 --offline --capacity cpus=8,memory=32G,disk=500G""",
)
def add(
    session: Session,
    name: NewName,
    url: Url,
    labels: Labels = None,
    capacity: Capacity = None,
    address: Address = None,
    host_key: HostKey = None,
    offline: Offline = False,
    yes: options.Yes = False,
) -> Any:
    """Add a host: show and pin its key, look at its engine, size, ports, networks and clock, and record it.

    It needs sshd and a Docker engine that the user may use; nothing is installed there.
    """
    from looma_cli.usecases.hosts import NewHost

    only_one("--offline and --host-key", offline, host_key)
    new = NewHost(name, url, host_options.merged(labels or []), capacity, address, offline)  # type: ignore[arg-type]  (checked: read already)
    hosts = session.looma.hosts
    hosts.refuse_known(new)
    key = None if offline else agreed_key(session, name, url, host_key, yes)
    report = hosts.add(new, key, dry_run=session.dry_run)
    if session.dry_run:
        return report
    following = f"looma host check {name}" if offline else f"looma tenant create NAME --edition basic --host {name}"
    return Page(report, "hosts.added", following=following)
