"""The datastores, all behind one small Protocol, and how the given ones are opened."""

from .opening import open_stores
from .protocol import Store

__all__ = ["Store", "open_stores"]
