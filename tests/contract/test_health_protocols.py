"""How the probes judge what servers say: canned answers here, real datastores at the end."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from looma_cli.adapters.health import AsyncHealth
from looma_cli.model.edition import Probe
from looma_cli.model.health import ProbeResult, ProbeTarget
from tests.contract.answering import (
    Behaviour,
    answering,
    drips,
    hangs,
    http_answer,
    mysql_error,
    mysql_greeting,
    mysql_packet,
    postgresql_error,
    says,
    says_and_closes,
)

KINDS = ("http", "mysql", "redis", "postgresql", "bolt", "tcp")
AUTH_REQUEST = b"R\0\0\0\x08\0\0\0\x0a"
AUTH_OK = b"R\0\0\0\x08\0\0\0\0"


def ask(kind: str, behaviour: Behaviour, *, timeout: float = 2.0, **probe: object) -> ProbeResult:
    with answering(behaviour) as port:
        target = ProbeTarget("it", "service", Probe(kind, "port", **probe), "127.0.0.1", port)  # type: ignore[arg-type]
        (result,) = AsyncHealth().probe([target], timeout_seconds=timeout)
    return result


# --- HTTP -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expect"),
    [
        (http_answer(200, b"ok"), (200,)),
        (http_answer(204), (200, 204)),
        (http_answer(302, b"", b"Location: /x"), (302,)),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + http_answer(200), (200,)),
        (b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", (200,)),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", (200,)),
        (http_answer(200, b"x" * 300_000), (200,)),
    ],
)
def test_http_is_healthy(answer: bytes, expect: tuple[int, ...]) -> None:
    assert ask("http", says_and_closes(answer), expect=expect).healthy


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (http_answer(503, b'{"mysql": "down"}\n' + b"y" * 200), 'HTTP 503: {"mysql": "down"} ' + "y" * 62),
        (http_answer(500), "HTTP 500"),
        (http_answer(404, "找不到\x1b[31m".encode()), "HTTP 404: 找不到 [31m"),
        (b"HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbusy\r\n0\r\n\r\n", "HTTP 503: busy"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not an HTTP answer: SSH-2.0-OpenSSH_9.2"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "closed in the middle of its answer after 'short'"),
        (b"", "closed without an answer"),
    ],
)
def test_http_is_not_healthy(answer: bytes, detail: str) -> None:
    result = ask("http", says_and_closes(answer))
    assert (result.healthy, result.detail) == (False, detail)


def test_http_asks_the_probes_path() -> None:
    seen = []

    def behave(connection: object) -> None:
        seen.append(connection.recv(4096))  # type: ignore[attr-defined]
        connection.sendall(http_answer(200))  # type: ignore[attr-defined]

    assert ask("http", behave, path="/v1/ready?deep=1").healthy
    assert seen[0].startswith(b"GET /v1/ready?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert not ask("http", behave, path="/x HTTP/1.1\r\nEvil: 1").healthy
    assert b"Evil" not in b"".join(seen)


# --- MySQL ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers",
    [
        [mysql_error(2, 1045, b"#28000Access denied for user")],
        [mysql_packet(2, b"\xfemysql_native_password\0salt\0"), mysql_error(4, 1045, b"#28000Access denied")],
        [mysql_packet(2, b"\0\0\0\x02\0\0\0")],
        [mysql_error(2, 3159, b"#HY000Connections using insecure transport are prohibited")],
    ],
)
def test_mysql_is_healthy_when_it_judges_the_log_in(answers: list[bytes]) -> None:
    result = ask("mysql", says(mysql_greeting(), *answers))
    assert (result.healthy, result.detail) == (True, "")


@pytest.mark.parametrize(
    ("first", "detail"),
    [
        (mysql_error(0, 1040, b"Too many connections"), "1040 Too many connections"),
        (mysql_error(0, 1040, b"#08004Too many connections"), "1040 Too many connections"),
        (mysql_error(0, 1129, b"Host '10.0.0.1' is blocked"), "1129 Host '10.0.0.1' is blocked"),
        (mysql_packet(0, b"\x09old"), "not a MySQL greeting: old"),
        (b"\0\0\0\0", "not a MySQL answer:"),
    ],
)
def test_mysql_is_not_healthy(first: bytes, detail: str) -> None:
    result = ask("mysql", says(first))
    assert (result.healthy, result.detail.strip()) == (False, detail)


def test_mysql_that_is_full_after_its_greeting_is_not_healthy() -> None:
    result = ask("mysql", says(mysql_greeting(), mysql_error(2, 1203, b"#42000User has too many")))
    assert (result.healthy, result.detail) == (False, "1203 User has too many")


def test_mysql_that_only_greets_is_not_healthy() -> None:
    assert not ask("mysql", says(mysql_greeting()), timeout=0.3).healthy


# --- Redis, PostgreSQL, Bolt, TCP -------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [b"+PONG\r\n", b"-NOAUTH Authentication required.\r\n", b"-NOPERM no\r\n"])
def test_redis_is_healthy(answer: bytes) -> None:
    assert ask("redis", says(b"", answer)).healthy


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "LOADING Redis is loading the dataset in memory"),
        (b"-ERR max number of clients reached\r\n", "ERR max number of clients reached"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "MASTERDOWN Link with MASTER is down"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not a Redis answer: HTTP/1.1 400 Bad Request"),
    ],
)
def test_redis_is_not_healthy(answer: bytes, detail: str) -> None:
    result = ask("redis", says(b"", answer))
    assert (result.healthy, result.detail) == (False, detail)


@pytest.mark.parametrize(
    "answer", [AUTH_REQUEST, AUTH_OK, postgresql_error(b"28000", b"no pg_hba.conf entry"), postgresql_error(b"3D000", b"no such database")]
)
def test_postgresql_is_healthy(answer: bytes) -> None:
    assert ask("postgresql", says(b"", answer)).healthy


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (postgresql_error(b"57P03", b"the database system is starting up"), "57P03 the database system is starting up"),
        (postgresql_error(b"53300", b"sorry, too many clients already"), "53300 sorry, too many clients already"),
        (b"HTTP/1.1 400 Bad\r\n\r\n", "not a PostgreSQL answer: HTTP/"),
    ],
)
def test_postgresql_is_not_healthy(answer: bytes, detail: str) -> None:
    result = ask("postgresql", says(b"", answer))
    assert (result.healthy, result.detail) == (False, detail)


@pytest.mark.parametrize(("answer", "healthy"), [(b"\0\0\x04\x05", True), (b"\0\0\0\x03", True), (b"\0\0\0\0", False), (b"HTTP", False)])
def test_bolt(answer: bytes, healthy: bool) -> None:
    assert ask("bolt", says(b"", answer)).healthy is healthy


def test_tcp_is_healthy_when_it_lets_one_in() -> None:
    assert ask("tcp", hangs).healthy
    assert ask("tcp", says(b"220 hello\r\n")).healthy


# --- every kind -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tcp"])
def test_slow_drops_end_at_the_time_limit(kind: str) -> None:
    """A server that keeps a client busy for 20 s with a byte now and then."""
    whole = {"http": http_answer(200, b"x" * 200), "mysql": mysql_greeting(), "bolt": b"\0\0\0", "postgresql": b"R\0\0", "redis": b"+PON"}
    started = time.monotonic()
    result = ask(kind, drips(whole[kind].ljust(200, b"\0"), 0.2), timeout=0.5)
    assert time.monotonic() - started < 5
    assert not result.healthy


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kind=st.sampled_from(KINDS), garbage=st.binary(max_size=200))
def test_garbage_is_a_result_and_never_an_exception(kind: str, garbage: bytes) -> None:
    result = ask(kind, says_and_closes(garbage), timeout=1.0)
    assert result.component == "it"
    assert result.detail.isprintable()
