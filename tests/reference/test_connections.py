"""How many connections a service holds."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from .datastores import Datastores
from .service import Service

pytestmark = pytest.mark.engine


def held(datastores: Datastores) -> dict[str, int]:
    """Connections of others than the session that asks."""
    mysql = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'looma' AND id <> CONNECTION_ID()"
    postgresql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'looma' AND client_port > 0 AND pid <> pg_backend_pid()"
    return {"mysql": int(datastores.mysql(mysql)), "postgresql": int(datastores.postgresql(postgresql))}


def test_no_more_are_opened_than_allowed(empty: Datastores, environment: dict[str, str]) -> None:
    with Service(environment | {"DB_SERVICE_CONNECTIONS": "3"}) as service, ThreadPoolExecutor(16) as pool:
        service.wait_until_healthy()
        statuses = set(pool.map(lambda number: service.post(f"{number}", "v").status_code, range(100)))
        assert statuses == {201}
        assert held(empty) == {"mysql": 3, "postgresql": 3}


def test_an_idle_service_holds_one(fresh: Service, empty: Datastores) -> None:
    assert fresh.health_status() == 200
    assert held(empty) == {"mysql": 1, "postgresql": 1}


def test_all_are_given_back_at_the_end(fresh: Service, empty: Datastores) -> None:
    fresh.post("k", "v")
    fresh.terminate()
    assert fresh.ended() == 0
    fresh.wait_until(lambda: held(empty) == {"mysql": 0, "postgresql": 0}, seconds=2)
