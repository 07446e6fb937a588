"""``looma network``."""

from looma_cli.cli import options
from looma_cli.cli.command import Noun
from looma_cli.cli.present import Listing
from looma_cli.cli.session import Session

noun = Noun("network", "Show which subnets are allocated, to whom.")


@noun.verb("list", example="looma network list --tenant acme")
def list_(session: Session, host: options.Host = None, tenant: options.TenantOption = None) -> Listing:
    """List allocated subnets with their tenants and layers."""
    return Listing(
        "networks", session.looma.networks.list(host, tenant), "No subnet is allocated.", "looma tenant create NAME --edition basic"
    )
