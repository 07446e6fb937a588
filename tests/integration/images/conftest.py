"""The image set, built, and containers of it that go away again."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from looma_cli.adapters.images import ImageBuilder
from looma_cli.settings import data_directory
from tests.integration.images.containers import Containers


@pytest.fixture(scope="session")
def image_builder() -> ImageBuilder:
    return ImageBuilder(data_directory("templates"), os.environ)


@pytest.fixture(scope="session", autouse=True)
def _image_set(engine_required: object, image_builder: ImageBuilder) -> None:
    """The whole set, built where it is missing or has changed."""
    image_builder.build(None, lambda *_: None)


@pytest.fixture
def containers() -> Iterator[Containers]:
    own = Containers()
    yield own
    own.remove()


@pytest.fixture(scope="module")
def shared() -> Iterator[Containers]:
    """For servers that several tests only ask."""
    own = Containers()
    yield own
    own.remove()
