"""Three hosts over SSH for all tests of this folder, and homes of looma that reach them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from looma_cli.adapters.engine import EngineApi
from tests.integration.hosts.operators import Operator, open_operator
from tests.rig import Rig, open_rig
from tests.rig.images import needed_images


@pytest.fixture(scope="package")
def rig(clean_engine: EngineApi) -> Iterator[Rig]:
    with open_rig(clean_engine, needed_images()) as opened:
        yield opened


@pytest.fixture(scope="module")
def operator(clean_engine: EngineApi, rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """One that has added all three hosts."""
    with open_operator(clean_engine, rig, tmp_path_factory.mktemp("operator") / "home") as opened:
        for host in rig.hosts:
            opened.add(host)
        yield opened


@pytest.fixture
def newcomer(clean_engine: EngineApi, rig: Rig, tmp_path: Path) -> Iterator[Operator]:
    """One that knows no host yet."""
    with open_operator(clean_engine, rig, tmp_path / "home") as opened:
        yield opened
