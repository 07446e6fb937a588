"""An engine for each test: FakeEngine, and docker compose on the real one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from looma_cli.model.tenant import LayerReference
from tests.contract.engines import (
    IMAGE,
    ComposeRig,
    FakeRig,
    Rig,
    new_tenant,
)


@pytest.fixture(params=["fake", pytest.param("compose", marks=pytest.mark.engine)])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "fake":
        yield FakeRig()
        return
    rig = ComposeRig(request.getfixturevalue("engine_required"))
    if rig.engine.missing_images([IMAGE]):
        pytest.fail(f"the image {IMAGE} is missing: looma image build makes it", pytrace=False)
    yield rig
    rig.clean_up()


@pytest.fixture
def data() -> LayerReference:
    return LayerReference(new_tenant(), "data", 1)
