"""Open the stores that the environment names. A driver is imported only when its store is given: each costs memory and
start-up time in every service of a tenant."""

from collections.abc import Sequence
from importlib import import_module

from ..errors import ConfigurationError
from ..settings import Address, Pool
from .protocol import Store


async def open_stores(addresses: Sequence[Address], pool: Pool) -> list[Store]:
    """The stores in the order of writing, with no connection opened yet. Raises ConfigurationError without a driver."""
    return [await open_store(address, pool) for address in addresses]


async def open_store(address: Address, pool: Pool) -> Store:
    try:
        adapter = import_module(f"{__package__}.{address.store}")
    except ImportError as error:
        message = f"{address.variable} is given, but this image has no driver for {address.store}: {error}"
        raise ConfigurationError(message) from error
    return await adapter.connect(address, pool)
