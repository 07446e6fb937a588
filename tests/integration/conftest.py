"""Homes on the real engine, and nothing left of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from looma_cli.adapters.engine import EngineApi
from tests.integration.homes import Home, open_home, remove_leftovers


@pytest.fixture(scope="session")
def clean_engine(engine_required: EngineApi) -> EngineApi:
    """An engine without the homes of killed test runs."""
    remove_leftovers(engine_required)
    return engine_required


@pytest.fixture
def home(clean_engine: EngineApi, tmp_path: Path) -> Iterator[Home]:
    """One for this test alone."""
    with open_home(clean_engine, tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_home(clean_engine: EngineApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One for all tests of a module, because a stack takes ten seconds."""
    with open_home(clean_engine, tmp_path_factory.mktemp("shared") / "home") as opened:
        yield opened


@pytest.fixture
def new_home(clean_engine: EngineApi, tmp_path: Path) -> Iterator[Callable[[str], Home]]:
    with ExitStack() as opened:
        yield lambda name: opened.enter_context(open_home(clean_engine, tmp_path / name))
