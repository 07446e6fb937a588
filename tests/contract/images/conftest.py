"""A sender for each test: between fakes, between two real engines, and from a real one that saves images as older engines do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from looma_cli.adapters.engine import EngineApi
from tests.bare_engine import bare_engine
from tests.contract.images.legacy import OldEngine
from tests.contract.images.rigs import EngineRig, FakeRig, Rig


@pytest.fixture(scope="session")
def second_engine(engine_required: EngineApi) -> Iterator[EngineApi]:
    with bare_engine() as api:
        yield api


@pytest.fixture(params=["fake", *(pytest.param(kind, marks=pytest.mark.engine) for kind in ("engine", "old-engine"))])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    if request.param == "fake":
        yield FakeRig()
        return
    here, there = request.getfixturevalue("engine_required"), request.getfixturevalue("second_engine")
    rig = EngineRig(here, there, tmp_path, OldEngine.like if request.param == "old-engine" else lambda api: api)
    yield rig
    rig.clean_up()


@pytest.fixture
def real(engine_required: EngineApi, second_engine: EngineApi, tmp_path: Path) -> Iterator[EngineRig]:
    rig = EngineRig(engine_required, second_engine, tmp_path)
    yield rig
    rig.clean_up()
