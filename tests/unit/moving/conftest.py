"""Two hosts on fakes, with a running tenant ``acme`` of edition basic on ``local`` that has two rows in each datastore."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stored import fill
from tests.worlds import Machine, lite


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "home")
    machine.add_host("b", "10.0.0.2")
    machine.looma().tenants.create(lite("acme", host="local"))
    fill(machine, "acme", a="1", b="2")
    machine.clock.sleep(60)
    return machine
