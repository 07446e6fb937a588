"""Images that go to a host over SSH: what it lacks, once, and as a person asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from looma_cli.adapters.engine import EngineApi
from tests.contract.images.rigs import LAYER_BYTES, EngineRig, new_reference
from tests.integration.hosts.operators import Operator

pytestmark = [pytest.mark.engine, pytest.mark.slow]
BASE = "looma/base:bookworm"  # the rig's hosts have it: what tenants need stands on it


@pytest.fixture
def images(clean_engine: EngineApi, operator: Operator, tmp_path: Path) -> Iterator[EngineRig]:
    """Images made on this machine's engine, and looked for on the first host's."""
    rig = EngineRig(clean_engine, operator.rig.hosts[0].engine, tmp_path)
    yield rig
    rig.clean_up()


def test_a_new_image_goes_over_without_the_layers_that_are_there(operator: Operator, images: EngineRig) -> None:
    reference, host = new_reference(), operator.rig.hosts[0].name
    images.build(reference, on=BASE)
    (sent,) = operator.looma.json("image", "send", "--host", host, reference)["images"]
    assert sent["reference"] == reference
    assert LAYER_BYTES <= sent["sent_bytes"] < LAYER_BYTES + 1_000_000  # the base alone has a hundred megabytes
    assert images.there() == {reference}
    assert operator.looma.json("image", "send", "--host", host, reference)["images"] == []
    other = operator.rig.hosts[1].name
    assert operator.looma.json("image", "send", "--host", other, reference, "--dry-run")["plan"]["changes"] == [
        f"+ image {reference} on {other}"
    ]


def test_what_tenants_need_is_seen_on_a_host(operator: Operator) -> None:
    arguments = ("image", "list", "--edition", "basic", "--profile", "lite", "--host", operator.rig.hosts[0].name)
    assert {image["present"] for image in operator.looma.json(*arguments)["images"]} == {True}
