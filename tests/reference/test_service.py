"""The service's HTTP interface over the real datastores, as a client and an operator see it."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from .datastores import Datastores
from .service import Service, command, process_environment, run

pytestmark = pytest.mark.engine
STORES = ["mysql", "postgresql", "redis"]


def test_a_record_is_written_to_every_store_and_read_from_every_one(service: Service, datastores: Datastores) -> None:
    answer = service.post("greeting", "你好 🎉")
    assert (answer.status_code, answer.json()) == (201, {"key": "greeting", "stores": STORES})
    assert answer.headers["location"] == "/records/greeting"
    read = service.read("greeting")
    assert (read.status_code, read.headers["content-type"]) == (200, "application/json")
    values = dict.fromkeys(STORES, "你好 🎉")
    assert read.json() == {"key": "greeting", "value": "你好 🎉", "stores": values}
    assert datastores.mysql("SELECT record_value FROM looma_records WHERE record_key = 'greeting'") == "你好 🎉"
    assert datastores.postgresql("SELECT record_value FROM looma_records WHERE record_key = 'greeting'") == "你好 🎉"
    assert datastores.redis("HGET", "looma:records", "greeting") == "你好 🎉"


@pytest.mark.parametrize("key", ["a/b", "a b+c%20", "?count", "#", "名字", "👩‍👩‍👧", "a\nb", "%", "'; DROP TABLE looma_records", "k" * 200])
def test_every_key_can_be_read_back_through_its_location(service: Service, key: str) -> None:
    location = service.post(key, "v").headers["location"]
    assert service.get(location).json()["key"] == key


def test_the_largest_value_comes_back_whole(service: Service) -> None:
    value = "🎉" * (65536 // 4)
    assert service.post("large", value).status_code == 201
    assert set(service.read("large").json()["stores"].values()) == {value}
    assert service.post("large", value + "x").status_code == 400


def test_the_same_record_again_changes_nothing_and_another_value_replaces_it(service: Service) -> None:
    assert [service.post("k", value).status_code for value in ("one", "one", "two")] == [201] * 3
    assert service.read("k").json()["value"] == "two"
    assert service.counts() == dict.fromkeys(STORES, 1)


def test_counts_are_exact_under_many_writers(service: Service) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: service.post(f"key-{number % 150}", "v").status_code, range(300)))
    assert set(answers) == {201}
    assert service.counts() == dict.fromkeys(STORES, 150)


def test_writers_and_readers_of_one_key_never_see_the_stores_disagree(service: Service) -> None:
    service.post("hot", "0")

    def use(number: int) -> int:
        return (service.post("hot", str(number)) if number % 2 else service.read("hot")).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(use, range(300)))
    assert sorted(set(statuses)) == [200, 201]
    assert len(set(service.read("hot").json()["stores"].values())) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/records", b"{", 400, "bad_request"),
        ("POST", "/records", b'{"key": "", "value": ""}', 400, "bad_request"),
        ("POST", "/records", b"x" * 500_000, 413, "body_too_large"),
        ("GET", "/records", None, 400, "bad_request"),
        ("GET", "/records?count=1", None, 400, "bad_request"),
        ("GET", "/records/", None, 400, "bad_request"),
        ("GET", "/records/%FF", None, 400, "bad_request"),
        ("GET", "/records/nobody", None, 404, "not_found"),
        ("GET", "/nothing", None, 404, "not_found"),
        ("DELETE", "/records/k", None, 405, "method_not_allowed"),
        ("PUT", "/records", b"{}", 405, "method_not_allowed"),
    ],
)
def test_a_wrong_request_is_refused_as_json(service: Service, method: str, path: str, body: bytes | None, status: int, code: str) -> None:
    answer = service.http.request(method, path, content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (status == 405) == ("allow" in answer.headers)
    assert service.counts() == dict.fromkeys(STORES, 0)


def test_info_health_and_head(service: Service) -> None:
    identity = {"tenant": "acme", "edition": "basic", "service": "user-service", "release": "1.4.2"}
    assert service.get("/info").json() == identity
    assert service.get("/health").json() == {"status": "ok", "stores": dict.fromkeys(STORES, "ok")}
    head = service.http.head("/health")
    assert (head.status_code, head.content) == (200, b"")


def test_metrics_count_what_happened(fresh: Service) -> None:
    fresh.post("k", "v")
    fresh.post("", "v")
    fresh.read("k")
    page = fresh.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    assert 'looma_reference_requests_total{method="POST",route="/records",status="201"} 1.0' in page.text
    assert 'looma_reference_requests_total{method="POST",route="/records",status="400"} 1.0' in page.text
    assert 'looma_reference_request_seconds_count{route="/records/{key}"} 1.0' in page.text
    assert 'looma_reference_store_healthy{store="redis"} 1.0' in page.text
    assert 'looma_reference_info{edition="basic",release="1.4.2",service="user-service",tenant="acme"} 1.0' in page.text
    assert "process_resident_memory_bytes" in page.text


TAMPERED = {
    "mysql": ("UPDATE looma_records SET record_value = 'x'", "DELETE FROM looma_records"),
    "postgresql": ("UPDATE looma_records SET record_value = 'x'", "DELETE FROM looma_records"),
    "redis": ("HSET looma:records k x", "HDEL looma:records k"),
}


@pytest.mark.parametrize("store", STORES)
def test_a_store_that_lost_or_changed_a_record_is_found_out_and_repaired(service: Service, datastores: Datastores, store: str) -> None:
    service.post("k", "v")
    for statement, value in zip(TAMPERED[store], ("x", None), strict=True):
        tamper(datastores, store, statement)
        answer = service.read("k")
        assert answer.status_code == 500
        assert answer.json()["error"]["code"] == "stores_disagree"
        assert answer.json()["stores"] == dict.fromkeys(STORES, "v") | {store: value}
    assert service.counts() == dict.fromkeys(STORES, 1) | {store: 0}
    assert service.post("k", "v").status_code == 201
    assert service.read("k").status_code == 200


def tamper(datastores: Datastores, store: str, statement: str) -> None:
    if store == "redis":
        datastores.redis(*statement.split())
    else:
        getattr(datastores, store)(statement)


@pytest.mark.parametrize("store", STORES)
def test_a_store_that_is_down_is_named_and_works_again_when_it_is_back(service: Service, datastores: Datastores, store: str) -> None:
    service.post("before", "v")
    datastores.stop(store)
    refused = [service.get("/health"), service.post("during", "v"), service.read("before"), service.get("/records?count")]
    assert [answer.status_code for answer in refused] == [503] * 4
    assert [answer.json()["error"]["stores"] for answer in refused] == [[store]] * 4
    assert refused[1].headers["retry-after"] == "1"
    assert service.get("/info").status_code == 200
    datastores.start(store)
    service.wait_until_healthy()
    assert service.read("during").status_code == 404
    assert service.post("during", "v").status_code == 201
    assert {service.read(key).status_code for key in ("before", "during")} == {200}
    assert service.counts() == dict.fromkeys(STORES, 2)


def test_a_service_started_before_its_store_waits_for_it(empty: Datastores, environment: dict[str, str]) -> None:
    empty.stop("redis")
    try:
        with Service(environment) as early:
            early.wait_until(lambda: early.get("/health").json()["error"]["stores"] == ["redis"])
            assert early.post("k", "v").status_code == 503
            empty.start("redis")
            early.wait_until_healthy()
            assert early.post("k", "v").status_code == 201
    finally:
        empty.start("redis")


def test_ten_services_migrate_one_empty_database_at_once(empty: Datastores, environment: dict[str, str]) -> None:
    started = [
        subprocess.Popen(command("migrate"), env=process_environment(environment), stderr=subprocess.PIPE, text=True) for _ in range(10)
    ]
    ended = [(process.communicate(timeout=30)[1], process.returncode) for process in started]
    assert [code for _, code in ended] == [0] * 10, ended
    assert {line.split()[2] for errors, _ in ended for line in errors.splitlines()} == {"INFO"}
    assert empty.mysql("SELECT COUNT(*) FROM looma_records") == empty.postgresql("SELECT COUNT(*) FROM looma_records")


def test_migrate_says_which_store_did_not_come(empty: Datastores, environment: dict[str, str]) -> None:
    ended = run(["migrate"], environment | {"REDIS_URL": "redis://127.0.0.1:1/0", "DB_CONNECTION_TIMEOUT": "1"})
    assert ended.returncode == 1
    assert "redis: not migrated: ConnectionError" in ended.stderr


def test_json_is_what_a_browser_and_jq_expect(service: Service) -> None:
    service.post("k", "\u2028</script>")
    assert json.loads(service.read("k").content)["value"] == "\u2028</script>"
