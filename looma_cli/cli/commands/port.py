"""``looma port``."""

from looma_cli.cli import options
from looma_cli.cli.command import Noun
from looma_cli.cli.present import Listing
from looma_cli.cli.session import Session

noun = Noun("port", "Show which ports are allocated, to whom.")


@noun.verb(
    "list",
    example="""
looma port list --tenant acme
looma port list -o json | jq -r '.ports[].host_port'""",
)
def list_(session: Session, host: options.Host = None, tenant: options.TenantOption = None) -> Listing:
    """List allocated ports with their tenants and components."""
    return Listing("ports", session.looma.ports.list(host, tenant), "No port is allocated.", "looma tenant create NAME --edition basic")


@noun.verb("conflicts", example="looma port conflicts")
def conflicts(session: Session) -> Listing:
    """List the ports that two editions document. Two such stacks on one host work: the second gets a block."""
    return Listing("conflicts", session.looma.ports.conflicts(), "No two editions document the same port.")
