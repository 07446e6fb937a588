"""TOUCH: a host's container engine."""

from looma_cli.adapters.engine.api import EngineApi
from looma_cli.adapters.engine.engine import ComposeEngine

__all__ = ["ComposeEngine", "EngineApi"]
