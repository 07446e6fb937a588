"""Settings -> real adapters -> Looma. The only package that imports adapters; everything is opened on first use.

A test gives its own ``world`` (fakes) and gets the very same use cases.
"""

from looma_cli.wiring.looma import Looma
from looma_cli.wiring.opening import open_looma
from looma_cli.wiring.world import RealWorld

__all__ = ["Looma", "RealWorld", "open_looma"]
