"""Four tenants on fakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.fleet.rollouts import FOUR, OLD
from tests.worlds import Machine, lite


@pytest.fixture(scope="session")
def _four(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    machine = Machine(tmp_path_factory.mktemp("four") / "home")
    for name in FOUR:
        machine.looma().tenants.create(lite(name, release=OLD))
    return machine


@pytest.fixture
def machine(_four: Machine, tmp_path: Path) -> Machine:
    """With four running tenants of the basic edition on its oldest release."""
    return _four.twin(tmp_path / "home")
