"""What every Edge must do: the same tests on the fake and on the real Nginx."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from looma_cli.errors import EdgeRefused, ImageUnavailable, InvalidValue, NotFound, PortTaken, Unreachable
from looma_cli.model.route import EdgeRecord, Upstream
from tests.certificates import self_signed
from tests.contract.edges import EdgeRig, FakeEdgeRig, NginxEdgeRig, new_tenant, route
from tests.contract.engines import wait_for

BOTH = [pytest.param("fake"), pytest.param("nginx", marks=pytest.mark.engine)]


def make_rig(kind: str, request: pytest.FixtureRequest) -> Iterator[EdgeRig]:
    rig: EdgeRig = FakeEdgeRig() if kind == "fake" else NginxEdgeRig(request.getfixturevalue("engine_required"))
    yield rig
    rig.clean_up()


@pytest.fixture(scope="module", params=BOTH)
def rig(request: pytest.FixtureRequest) -> Iterator[EdgeRig]:
    """An edge that runs, shared by tests which use tenants of their own."""
    for rig in make_rig(request.param, request):
        rig.edge.ensure(rig.specification)
        yield rig


@pytest.fixture(params=BOTH)
def bare(request: pytest.FixtureRequest) -> Iterator[EdgeRig]:
    """A world where no edge was made yet."""
    yield from make_rig(request.param, request)


# --- the container ----------------------------------------------------------------------------------------------------


def test_there_is_no_edge_until_it_is_ensured(bare: EdgeRig) -> None:
    assert not bare.edge.running()
    assert bare.edge.routes() == []
    for use in (lambda: bare.edge.apply(route(bare)), lambda: bare.edge.remove("t"), lambda: bare.edge.set_mode("t", "frozen")):
        with pytest.raises(Unreachable):
            use()


def test_ensure_twice_is_one_edge_and_destroy_leaves_nothing(bare: EdgeRig) -> None:
    bare.edge.ensure(bare.specification)
    bare.edge.ensure(bare.specification)
    assert bare.edge.running()
    assert bare.ask(bare.specification.http_port).status == 404
    bare.edge.destroy()
    bare.edge.destroy()
    assert not bare.edge.running()
    assert bare.ask(bare.specification.http_port) is None


def test_routes_and_modes_survive_a_stop_and_a_new_specification(bare: EdgeRig) -> None:
    bare.edge.ensure(bare.specification)
    open_route, closed = route(bare, hostname="survivor.example.com"), route(bare, mode="suspended")
    bare.edge.apply(open_route)
    bare.edge.apply(closed)
    bare.stop()
    assert not bare.edge.running()
    assert bare.edge.routes() == sorted([open_route.tenant, closed.tenant])
    bare.edge.ensure(bare.specification)
    assert bare.ask(open_route.public_port).service == f"{open_route.tenant}-main"

    moved = replace(bare.specification, http_port=bare.free_port(), memory_bytes=96 * 2**20)
    bare.edge.ensure(moved)
    assert bare.ask(moved.http_port, host="survivor.example.com").service == f"{open_route.tenant}-main"
    assert bare.ask(bare.specification.http_port) is None
    assert bare.ask(closed.public_port).status == 503


def test_an_edge_that_ended_is_started_as_it_was(bare: EdgeRig) -> None:
    assert not bare.edge.start()
    bare.edge.ensure(bare.specification)
    here = route(bare, mode="frozen")
    bare.edge.apply(here)
    assert bare.edge.start()
    bare.stop()
    assert bare.another().start()
    assert (bare.ask(here.public_port).status, bare.ask(here.public_port, method="POST").status) == (200, 503)


@pytest.mark.parametrize("which", ["http", "public"])
def test_an_edge_whose_port_was_taken_while_it_was_down_says_so_each_time(bare: EdgeRig, which: str) -> None:
    bare.edge.ensure(bare.specification)
    here = route(bare)
    bare.edge.apply(here)
    bare.stop()
    taken = bare.specification.http_port if which == "http" else here.public_port
    with bare.listening(taken):
        for _ in range(3):
            with pytest.raises(PortTaken) as refused:
                bare.edge.start()
            assert refused.value.details["port"] == taken
    wait_for(lambda: started(bare))  # nginx tries again for some seconds, then the engine starts it again
    assert bare.ask(here.public_port).status == 200


def started(rig: EdgeRig) -> bool:
    try:
        return bool(rig.edge.start())
    except PortTaken:
        return False


def test_a_taken_port_is_named_and_the_earlier_edge_goes_on(bare: EdgeRig) -> None:
    taken = bare.free_port()
    wanted = replace(bare.specification, https_port=taken)
    with bare.listening(taken):
        with pytest.raises(PortTaken) as nothing_yet:
            bare.edge.ensure(wanted)
        assert not bare.edge.running()
        bare.edge.ensure(bare.specification)
        here = route(bare)
        bare.edge.apply(here)
        with pytest.raises(PortTaken) as replacing:
            bare.edge.ensure(wanted)
        assert bare.edge.running()
        assert bare.ask(here.public_port).status == 200
    assert nothing_yet.value.details["port"] == replacing.value.details["port"] == taken


def test_an_image_that_is_not_there_is_said_so(bare: EdgeRig) -> None:
    with pytest.raises(ImageUnavailable, match="looma/absent:1"):
        bare.edge.ensure(replace(bare.specification, image="looma/absent:1"))
    assert not bare.edge.running()


# --- routing ----------------------------------------------------------------------------------------------------------


def test_the_public_port_serves_its_tenant_for_any_unknown_host(rig: EdgeRig) -> None:
    here = route(rig)
    rig.edge.apply(here)
    for host in ("", "anything.example.com", "10.1.2.3:99"):
        assert rig.ask(here.public_port, "/a/b?c=d", host=host).path == "/a/b?c=d"
    assert here.tenant in rig.edge.routes()


def test_a_hostname_leads_to_its_tenant_and_to_nobody_else(rig: EdgeRig) -> None:
    first, second = route(rig, hostname="first.example.com"), route(rig, hostname="second.example.com")
    rig.edge.apply(first)
    rig.edge.apply(second)
    http = rig.specification.http_port
    assert rig.ask(http, host="first.example.com").service == f"{first.tenant}-main"
    assert rig.ask(http, host="SECOND.example.com:8080").service == f"{second.tenant}-main"
    assert rig.ask(first.public_port, host="first.example.com").status == 200
    refused = [rig.ask(first.public_port, host="second.example.com"), rig.ask(http, host="third.example.com"), rig.ask(http)]
    assert [answer.status for answer in refused] == [404, 404, 404]
    assert not any(name in answer.body for answer in refused for name in (first.tenant, second.tenant, "example"))


def test_a_prefix_is_stripped_and_told(rig: EdgeRig) -> None:
    tenant = new_tenant()
    services = (
        rig.upstream("entry"),
        rig.upstream("users", "/user-service"),
        rig.upstream("jobs", "/api/jobs"),
        rig.upstream("v1", "/v1.0"),
    )
    here = route(rig, tenant, upstreams=services)
    rig.edge.apply(here)

    def seen(path: str) -> tuple[str, str, str]:
        answer = rig.ask(here.public_port, path)
        return answer.service, answer.path, answer.prefix

    assert seen("/user-service/a/b?c=d") == ("users", "/a/b?c=d", "/user-service")
    assert seen("/user-service") == ("users", "/", "/user-service")
    assert seen("/user-service?c=/d") == ("users", "/?c=/d", "/user-service")
    assert seen("/user-service/a%2Fb%20c//d") == ("users", "/a%2Fb%20c//d", "/user-service")
    assert seen("/api/jobs/7") == ("jobs", "/7", "/api/jobs")
    assert seen("/v1.0/x") == ("v1", "/x", "/v1.0")
    assert seen("/v1x0/x") == ("entry", "/v1x0/x", "")
    assert seen("/api/other") == ("entry", "/api/other", "")
    assert seen("/user-services/a%2Fb?x=/user-service/") == ("entry", "/user-services/a%2Fb?x=/user-service/", "")


def test_a_route_without_an_entry_answers_404_outside_its_prefixes(rig: EdgeRig) -> None:
    here = route(rig, upstreams=(rig.upstream("only", "/only"),))
    rig.edge.apply(here)
    assert rig.ask(here.public_port, "/only/x").path == "/x"
    assert rig.ask(here.public_port, "/x").status == 404


def test_tls_is_served_with_the_tenants_own_certificate(rig: EdgeRig) -> None:
    chain, key = self_signed("tls.example.com")
    here = route(rig, hostname="tls.example.com", certificate=chain, private_key=key)
    plain = route(rig, hostname="plain.example.com")
    rig.edge.apply(here)
    rig.edge.apply(plain)
    assert rig.ask_tls("tls.example.com", "/x").service == f"{here.tenant}-main"
    assert rig.ask_tls("plain.example.com") is None
    assert rig.ask_tls("unknown.example.com") is None
    assert rig.ask(rig.specification.http_port, host="tls.example.com").status == 200


def test_a_route_moves_and_goes(rig: EdgeRig) -> None:
    here = route(rig)
    rig.edge.apply(here)
    rig.edge.apply(here)
    rig.edge.apply(replace(here, upstreams=(rig.upstream("second"),)))
    assert rig.ask(here.public_port).service == "second"
    assert rig.edge.drain(15)
    rig.another().remove(here.tenant)
    rig.edge.remove(here.tenant)
    assert rig.ask(here.public_port) is None
    assert here.tenant not in rig.edge.routes()


# --- modes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["suspended", "stopped"])
def test_a_closed_tenant_answers_503_to_everything(rig: EdgeRig, mode: str) -> None:
    here = route(rig)
    rig.edge.apply(here)
    rig.edge.set_mode(here.tenant, mode)
    for method in ("GET", "POST", "DELETE"):
        answer = rig.ask(here.public_port, "/user-service/x", method=method, accept="text/html,application/json")
        assert (answer.status, answer.content_type) == (503, "text/html; charset=utf-8")
        assert int(answer.retry_after) > 0
        assert mode in answer.body
    assert rig.ask(here.public_port, accept="application/json").content_type == "application/json"
    rig.edge.set_mode(here.tenant, "serving")
    assert rig.ask(here.public_port).status == 200


def test_a_frozen_tenant_reads_but_does_not_write(rig: EdgeRig) -> None:
    here = route(rig)
    rig.edge.apply(here)
    rig.edge.set_mode(here.tenant, "frozen")
    reads = [rig.ask(here.public_port, method="GET").status]
    writes = [rig.ask(here.public_port, method=method) for method in ("POST", "PUT", "PATCH", "DELETE")]
    assert reads == [200]
    assert [answer.status for answer in writes] == [503] * 4
    assert all(int(answer.retry_after) > 0 for answer in writes)
    rig.edge.set_mode(here.tenant, "suspended")
    assert rig.ask(here.public_port).status == 503


def test_a_route_is_applied_in_its_mode(rig: EdgeRig) -> None:
    here = route(rig, mode="stopped")
    rig.edge.apply(here)
    assert rig.ask(here.public_port).status == 503
    rig.edge.apply(replace(here, mode="serving"))
    assert rig.ask(here.public_port).status == 200
    rig.edge.apply(replace(here, mode="frozen", upstreams=(rig.upstream("second"),)))
    assert rig.ask(here.public_port).service == "second"
    assert rig.ask(here.public_port, method="POST").status == 503


def test_a_removed_tenants_mode_does_not_come_back(rig: EdgeRig) -> None:
    here = route(rig, mode="suspended")
    rig.edge.apply(here)
    rig.edge.remove(here.tenant)
    rig.edge.apply(replace(here, mode="serving"))
    assert rig.ask(here.public_port).status == 200


def test_closing_an_unknown_tenant_is_nothing_and_opening_it_an_error(rig: EdgeRig) -> None:
    rig.edge.set_mode("nobody", "suspended")
    with pytest.raises(NotFound):
        rig.edge.set_mode("nobody", "serving")
    with pytest.raises(InvalidValue):
        rig.edge.set_mode("nobody", "asleep")
    assert "nobody" not in rig.edge.routes()


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_bad_certificate_is_refused_while_the_old_route_serves(rig: EdgeRig) -> None:
    chain, _ = self_signed("mine.example.com")
    _, other_key = self_signed("mine.example.com")
    here = route(rig, hostname="mine.example.com")
    rig.edge.apply(here)
    elsewhere = (rig.upstream("elsewhere"),)
    for certificate, key in ((chain, other_key), ("no certificate", other_key), (chain, "no key")):
        with pytest.raises(EdgeRefused):
            rig.edge.apply(replace(here, upstreams=elsewhere, certificate=certificate, private_key=key))
        assert rig.ask(here.public_port).service == f"{here.tenant}-main"
    rig.edge.apply(replace(here, upstreams=elsewhere))
    assert rig.ask(here.public_port).service == "elsewhere"


def test_another_tenants_hostname_or_port_is_refused(rig: EdgeRig) -> None:
    first = route(rig, hostname="owned.example.com")
    rig.edge.apply(first)
    with pytest.raises(EdgeRefused):
        rig.edge.apply(route(rig, "thief", hostname="owned.example.com"))
    with pytest.raises(PortTaken) as taken:
        rig.edge.apply(route(rig, "thief", public_port=first.public_port))
    assert taken.value.details["port"] == first.public_port
    assert "thief" not in rig.edge.routes()
    assert rig.ask(first.public_port, host="owned.example.com").service == f"{first.tenant}-main"


def test_a_port_of_a_foreign_process_is_refused_and_free_later(rig: EdgeRig) -> None:
    here = route(rig)
    with rig.listening(here.public_port), pytest.raises(PortTaken) as taken:
        rig.edge.apply(here)
    assert taken.value.details["port"] == here.public_port
    assert here.tenant not in rig.edge.routes()
    rig.edge.apply(here)
    assert rig.ask(here.public_port).status == 200


@pytest.mark.parametrize("evil", ["a b", "a;b", "a}", '"', "$host", "a\nb", "../x y", "中文", "a#b", "a\\b", "~a", "*"])
def test_no_value_breaks_out_of_the_configuration(rig: EdgeRig, evil: str) -> None:
    good = route(rig)
    for bad in (
        replace(good, tenant=evil),
        replace(good, hostname=evil),
        replace(good, upstreams=(Upstream(f"/{evil}", "s", "127.0.0.1", 1),)),
        replace(good, upstreams=(Upstream("/", evil, "127.0.0.1", 1),)),
        replace(good, upstreams=(Upstream("/", "s", evil, 1),)),
    ):
        with pytest.raises((EdgeRefused, InvalidValue)):
            rig.edge.apply(bad)
    for name in ("..", "../x", "a/b", "a.b", "-a", "A", ""):
        with pytest.raises(EdgeRefused):
            rig.edge.apply(replace(good, tenant=name))
    assert good.tenant not in rig.edge.routes()


# --- what it remembers ------------------------------------------------------------------------------------------------


def test_an_edge_remembers_its_ports_and_every_route(bare: EdgeRig) -> None:
    assert bare.edge.recall() is None
    bare.edge.ensure(bare.specification)
    ports = (bare.specification.http_port, bare.specification.https_port)
    assert bare.edge.recall() == EdgeRecord(*ports, ())
    chain, key = self_signed("crm.acme.example")
    upstreams = (bare.upstream("main"), bare.upstream("user-service", "/user-service"), bare.upstream("api", "/api/v1"))
    first = route(bare, "port", hostname="crm.acme.example", upstreams=upstreams, certificate=chain, private_key=key)
    second = route(bare, "quiet")
    bare.edge.apply(first)
    bare.edge.apply(second)
    bare.edge.set_mode("quiet", "suspended")
    expected = EdgeRecord(*ports, (first, replace(second, mode="suspended")))
    assert bare.another().recall() == expected
    bare.stop()
    assert bare.another().recall() == expected
    bare.edge.destroy()
    assert bare.another().recall() is None
