"""The package under test, and one set of real datastores for all tests that need them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "templates" / "images" / "reference"
sys.path.insert(0, str(SOURCE))

from .datastores import Datastores  # noqa: E402 - the package under test is on the path only now
from .service import Service  # noqa: E402


@pytest.fixture(scope="session")
def datastores(engine_required: object) -> Iterator[Datastores]:
    with Datastores() as stores:
        yield stores


@pytest.fixture(scope="session")
def environment(datastores: Datastores, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What looma gives a service, for a process of this machine."""
    secret = tmp_path_factory.mktemp("secrets") / "password"
    secret.write_text(datastores.password + "\n")
    secret.chmod(0o444)
    identity = {"TENANT": "acme", "EDITION": "basic", "SERVICE": "user-service", "RELEASE": "1.4.2"}
    return datastores.local_environment(secret) | {f"LOOMA_{name}": value for name, value in identity.items()}


@pytest.fixture
def empty(datastores: Datastores) -> Datastores:
    """The datastores without any table or record."""
    datastores.drop()
    return datastores


@pytest.fixture
def fresh(empty: Datastores, environment: dict[str, str]) -> Iterator[Service]:
    """A service of the test's own."""
    with Service(environment) as running:
        running.wait_until_healthy()
        yield running


@pytest.fixture(scope="module")
def shared(datastores: Datastores, environment: dict[str, str]) -> Iterator[Service]:
    datastores.drop()
    with Service(environment) as running:
        running.wait_until_healthy()
        yield running


@pytest.fixture
def service(shared: Service, datastores: Datastores) -> Service:
    """The module's service, without any record."""
    datastores.clear()
    return shared
