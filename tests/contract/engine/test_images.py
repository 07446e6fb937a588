"""What an engine says of itself and of its images: the same tests on FakeEngine and on docker compose."""

from __future__ import annotations

import re

import pytest

from looma_cli.errors import (
    ImageUnavailable,
)
from tests.contract.engine.stacks import NO_IMAGE
from tests.contract.engines import (
    IMAGE,
    Rig,
)


def test_information_says_what_the_engine_can(rig: Rig) -> None:
    told = rig.engine.information()
    assert told.api >= (1, 41)
    assert told.compose.startswith("2.")
    assert told.cpus >= 1
    assert told.memory_bytes > 2**28
    assert told.version
    assert told.root_directory.startswith("/")


def test_missing_images_are_those_the_engine_does_not_hold(rig: Rig) -> None:
    assert rig.engine.missing_images([NO_IMAGE, IMAGE]) == [NO_IMAGE]
    assert rig.engine.missing_images([]) == []


def test_ids_of_images_are_of_those_that_are_there(rig: Rig) -> None:
    ids = rig.engine.image_ids([NO_IMAGE, IMAGE])
    assert list(ids) == [IMAGE]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", ids[IMAGE])
    assert rig.engine.image_ids([IMAGE]) == ids


def test_an_image_that_cannot_be_pulled_is_named(rig: Rig) -> None:
    said: list[str] = []
    with pytest.raises(ImageUnavailable, match="absent:1") as failure:
        rig.engine.pull([NO_IMAGE], said.append)
    assert failure.value.details["reference"] == NO_IMAGE
    assert failure.value.hint
    assert said == [f"pulling {NO_IMAGE}"]
