"""The fake datastore keeps the promises of the real ones (those: tests/datastores/test_promises.py)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from looma_cli.model.layer import Workload
from tests.datastores.promises import PROMISES, Server
from tests.factories import make_mysql
from tests.fakes.daemon import FakeContainer, FakeDaemon
from tests.fakes.datastore import FakeStores


@pytest.fixture(params=["mysql", "postgresql"])
def server(request: pytest.FixtureRequest) -> Server:
    """A kind that holds its writers while a moment is taken, and one that does not."""
    daemon = FakeDaemon(volumes={"v_mysql-data": {}})
    daemon.containers["c"] = FakeContainer("1", "c", "any:1", volumes=("v_mysql-data",), state="running")
    stores, component = FakeStores(daemon), make_mysql(backup={"driver": request.param})
    workload = Workload("1", "c", "mysql", None, "running", "none", "any:1")
    stores.replace("v_mysql-data", {"records": {str(number): "x" for number in range(20)}})
    return Server(
        lambda: stores.open("local", workload, component),
        lambda name: stores.tables("v_mysql-data").setdefault("records", {}).update({name: "x"}),
    )


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(server: Server, promise: Callable[[Server], None]) -> None:
    promise(server)
