"""A machine whose state can be lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates import self_signed
from tests.worlds import Machine, lite


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Two tenants, one of them stopped."""
    machine = Machine(tmp_path / "home")
    chain, key = self_signed("acme.example.com")
    looma = machine.looma()
    looma.tenants.create(
        lite(hostname="acme.example.com", display_name="Acme 有限公司", settings={"A": "$x '1'"}, tls_certificate=chain, tls_key=key)
    )
    looma.tenants.create(lite("globex"))
    looma.tenants.stop("globex")
    return machine
