"""What happens at SIGTERM: no acknowledged write is lost, no request is left without its answer."""

import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx
import pymysql
import pytest

from .datastores import Datastores
from .service import Client, Service

pytestmark = pytest.mark.engine


def write_until_it_ends(url: str, name: int, acknowledged: list[str]) -> None:
    """Over one kept-alive connection; `acknowledged` takes the keys of all writers."""
    client = Client(url)
    with contextlib.suppress(httpx.TransportError):
        for number in count():
            key = f"{name}-{number}"
            assert client.post(key, key).status_code == 201
            acknowledged.append(key)


def test_no_acknowledged_write_is_lost_when_it_ends_under_load(fresh: Service, empty: Datastores, environment: dict[str, str]) -> None:
    acknowledged: list[str] = []
    with ThreadPoolExecutor(8) as pool:
        url = str(fresh.http.base_url)
        writers = [pool.submit(write_until_it_ends, url, name, acknowledged) for name in range(8)]
        fresh.wait_until(lambda: len(acknowledged) > 100)
        fresh.terminate()
        assert fresh.ended() == 0
        for writer in writers:
            writer.result(timeout=10)
    with Service(environment) as after:
        after.wait_until_healthy()
        counts = after.counts()
        assert len(set(counts.values())) == 1
        assert counts["mysql"] >= len(acknowledged)
        assert {after.read(key).json().get("value") == key for key in acknowledged} == {True}


@contextlib.contextmanager
def locked(datastores: Datastores, key: str) -> Iterator[None]:
    """Another session is writing the key: whoever writes it too must wait."""
    port = datastores.ports["mysql"]
    session = pymysql.connect(host="127.0.0.1", port=port, user="looma", password=datastores.password, db="looma")
    with session, session.cursor() as cursor:
        cursor.execute("INSERT INTO looma_records VALUES (%s, 'other')", (key.encode(),))
        yield
        session.rollback()


def test_a_request_on_its_way_is_answered_while_new_connections_are_refused(fresh: Service, empty: Datastores) -> None:
    with ThreadPoolExecutor(1) as pool:
        with locked(empty, "k"):
            waiting = pool.submit(fresh.post, "k", "v")
            time.sleep(0.3)
            fresh.terminate()
            time.sleep(0.4)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", fresh.port), timeout=1)
            assert not waiting.done()
        assert waiting.result(timeout=5).status_code == 201
    assert fresh.ended() == 0
    assert empty.mysql("SELECT record_value FROM looma_records") == "v"
    assert empty.redis("HGET", "looma:records", "k") == "v"


def test_a_request_that_does_not_end_is_cut_off_in_time(empty: Datastores, environment: dict[str, str]) -> None:
    with Service(environment | {"DRAIN_SECONDS": "1"}) as service, ThreadPoolExecutor(1) as pool:
        service.wait_until_healthy()
        with locked(empty, "k"):
            waiting = pool.submit(service.post, "k", "v")
            time.sleep(0.3)
            started = time.monotonic()
            service.terminate()
            assert service.ended() == 1
            assert time.monotonic() - started < 3
            assert waiting.result().json()["error"]["code"] == "shutting_down"
    assert empty.mysql("SELECT COUNT(*) FROM looma_records") == "0"
    assert empty.redis("EXISTS", "looma:records") == "0"


def test_it_ends_at_once_while_it_still_waits_for_a_store(environment: dict[str, str]) -> None:
    with Service(environment | {"MYSQL_URL": "mysql://looma@127.0.0.1:1/looma"}) as service:
        service.wait_until(lambda: service.health_status() == 503)
        service.terminate()
        assert service.ended(3) == 0
