"""Adding, looking at, closing and removing hosts, through the real use cases, on fakes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from looma_cli.errors import AlreadyExists, HostKeyChanged, HostUnreachable, InvalidName, InvalidValue, NotAllowed, NotFound
from looma_cli.model.host import Capacity, Host, Reservation
from looma_cli.model.operation import Plan
from looma_cli.model.tenant import KeptLayer, LayerReference
from looma_cli.usecases.hosts import NewHost, require_fingerprint
from looma_cli.usecases.inspecting import HostReport
from tests.worlds import Machine, Site, lite

URL = "ssh://root@h1"
SIZE = Capacity(8, 32 << 30, 500 << 30)


@pytest.fixture
def stranger(machine: Machine) -> Site:
    site = machine.add_stranger("h1")
    site.set_time(machine.clock.now())
    return site


def add(machine: Machine, name: str = "h1", url: str = URL, **more: Any) -> HostReport:
    hosts = machine.looma().hosts
    report = hosts.add(NewHost(name, url, **more), hosts.scan(url))
    assert isinstance(report, HostReport)
    return report


def offline(machine: Machine, name: str = "h1", **more: Any) -> Host:
    report = machine.looma().hosts.add(NewHost(name, f"ssh://root@{name}", offline=True, **more), None)
    assert isinstance(report, HostReport)
    return report.host


def recorded(machine: Machine, name: str = "h1") -> Host:
    return next(host for host in machine.looma().hosts.list() if host.name == name)


# adding
def test_adding_looks_and_records_and_pins(machine: Machine, stranger: Site) -> None:
    report = add(machine, labels={"zone": "a"}, address="crm.example.com")
    assert report.host == recorded(machine)
    assert (report.host.status, report.host.address, report.host.labels) == ("ready", "crm.example.com", {"zone": "a"})
    assert (report.host.host_key, report.host.fingerprint) == stranger.key
    assert report.host.engine["id"] == stranger.daemon.id
    assert report.host.capacity == Capacity(4, stranger.daemon.memory_bytes, stranger.host.disk_bytes)
    assert report.host.used == Capacity(0, stranger.daemon.memory_bytes // 2, stranger.host.disk_bytes - stranger.host.free_bytes)
    assert {check.name: check.status for check in report.checks} == dict.fromkeys(
        ("connection", "engine", "compose", "cpus", "memory", "disk", "ports", "networks", "clock"), "ok"
    )


def test_two_hosts_with_one_public_name_are_refused(machine: Machine, stranger: Site) -> None:
    """Their first tenants would have the same URL."""
    add(machine, address="crm.example.com")
    hosts = machine.looma().hosts
    for other in (NewHost("h2", "ssh://root@h2", address="crm.example.com", offline=True), NewHost("h2", "ssh://root@127.0.0.1:2222")):
        with pytest.raises(AlreadyExists, match=r"public address of host (h1|local)") as refused:
            hosts.refuse_known(other)
        assert "--address" in refused.value.hint
    with pytest.raises(AlreadyExists):
        hosts.add(NewHost("h2", "ssh://root@h2", address="crm.example.com", offline=True), None)
    assert [host.name for host in hosts.list()] == ["local", "h1"]


def test_the_address_is_the_name_in_the_url_where_none_is_given(machine: Machine, stranger: Site) -> None:
    assert add(machine).host.address == "h1"


def test_a_dry_run_looks_and_records_nothing(machine: Machine, stranger: Site) -> None:
    hosts = machine.looma().hosts
    plan = hosts.add(NewHost("h1", URL, labels={"zone": "a"}), hosts.scan(URL), dry_run=True)
    assert isinstance(plan, Plan)
    assert plan.changes == (f"+ host h1 {URL}, address h1", f"+ pinned key {stranger.key.fingerprint}", "+ label zone=a")
    assert [host.name for host in machine.looma().hosts.list()] == ["local"]


def test_a_host_added_offline_is_recorded_without_a_look(machine: Machine) -> None:
    host = offline(machine, declared=SIZE)
    assert (host.status, host.host_key, host.size, host.checked_at) == ("unknown", "", SIZE, None)


def test_a_name_a_url_and_an_engine_are_there_once(machine: Machine, stranger: Site) -> None:
    add(machine)
    with pytest.raises(AlreadyExists, match="host h1 exists"):
        offline(machine)
    with pytest.raises(AlreadyExists, match="ssh://root@h1 is host h1"):
        add(machine, "h2")
    again = machine.add_stranger("other")
    again.daemon.id = stranger.daemon.id
    with pytest.raises(AlreadyExists, match="the engine at ssh://root@other is the same as that of host h1") as refused:
        add(machine, "h2", again.url)
    assert refused.value.details["host"] == "h1"
    assert [host.name for host in machine.looma().hosts.list()] == ["local", "h1"]


def test_this_machines_own_engine_is_host_local(machine: Machine, stranger: Site) -> None:
    stranger.daemon.id = machine.daemon.id
    with pytest.raises(AlreadyExists, match="this machine's own: host local"):
        add(machine)


def test_urls_that_mean_the_same_are_one(machine: Machine, stranger: Site) -> None:
    add(machine)
    with pytest.raises(AlreadyExists, match="is host h1"):
        machine.looma().hosts.refuse_known(NewHost("h2", "ssh://root@h1/"))


def test_local_is_no_new_host(machine: Machine) -> None:
    with pytest.raises(NotAllowed, match="local is this machine"):
        machine.looma().hosts.refuse_known(NewHost("local", URL))


BAD_URLS = ["ssh://-oProxyCommand=x", "ssh://-l@h", "http://h1", "h1", "ssh://", "ssh://a b", "ssh://h:99999", "ssh://u:secret@h", "local"]


@pytest.mark.parametrize("url", BAD_URLS)
def test_what_is_no_address_is_refused(machine: Machine, url: str) -> None:
    with pytest.raises((InvalidValue, InvalidName)):
        machine.looma().hosts.refuse_known(NewHost("h1", url))


def test_an_unreachable_host_is_not_recorded(machine: Machine, stranger: Site) -> None:
    stranger.cut()
    with pytest.raises(HostUnreachable):
        add(machine)
    assert [host.name for host in machine.looma().hosts.list()] == ["local"]


def test_an_engine_that_is_too_old_is_refused(machine: Machine, stranger: Site) -> None:
    stranger.engine.api_version = (1, 39)
    with pytest.raises(NotAllowed, match=r"looma cannot use host h1: Docker .* too old"):
        add(machine)


def test_another_key_than_the_expected_one_is_refused(stranger: Site) -> None:
    require_fingerprint(stranger.key, stranger.key.fingerprint)
    with pytest.raises(NotAllowed, match="the host's key is SHA256:"):
        require_fingerprint(stranger.key, "SHA256:" + "A" * 43)


CLOCKS = [(3600, "warning", "60 min ahead of"), (-7, "warning", "7 s behind"), (3, "ok", "as here")]


@pytest.mark.parametrize(("seconds", "status", "detail"), CLOCKS)
def test_a_clock_that_is_off_is_told(machine: Machine, stranger: Site, seconds: int, status: str, detail: str) -> None:
    stranger.set_time(machine.clock.now() + timedelta(seconds=seconds))
    check = next(check for check in add(machine).checks if check.name == "clock")
    assert check.status == status
    assert check.detail.startswith(detail)


# checking
def test_a_check_pins_the_key_of_a_host_that_was_added_offline(machine: Machine, stranger: Site) -> None:
    offline(machine, declared=Capacity(0, 16 << 30, 0))
    hosts = machine.looma().hosts
    [host] = hosts.unpinned([])
    hosts.pin("h1", hosts.scan(host.url))
    [report] = hosts.check(["h1"])
    assert not report.failed
    assert (report.host.status, report.host.fingerprint) == ("ready", stranger.key.fingerprint)
    assert report.host.size == Capacity(4, 16 << 30, stranger.host.disk_bytes)
    assert machine.looma().hosts.unpinned([]) == []


def test_a_check_of_all_looks_at_local_too_and_tells_of_those_that_do_not_answer(machine: Machine, stranger: Site) -> None:
    add(machine)
    stranger.cut()
    local, h1 = machine.looma().hosts.check([])
    assert (local.host.name, local.failed) == ("local", False)
    assert (h1.failed, h1.host.status, h1.checks[0].name) == (True, "unreachable", "connection")
    assert (recorded(machine).status, recorded(machine).capacity) == ("unreachable", h1.host.capacity)
    stranger.back()
    machine.looma().hosts.check(["h1"])
    assert recorded(machine).status == "ready"


def test_a_changed_key_is_told_and_can_be_pinned_on_purpose(machine: Machine, stranger: Site) -> None:
    add(machine)
    stranger.change_key()
    [report] = machine.looma().hosts.check(["h1"])
    assert report.failed
    with pytest.raises(HostKeyChanged):
        machine.world().engine("h1").workloads()
    hosts = machine.looma().hosts
    with pytest.raises(NotAllowed, match="has the key"):
        hosts.pin("h1", stranger.key)
    hosts.pin("h1", stranger.key, again=True)
    assert not machine.looma().hosts.check(["h1"])[0].failed


def test_a_second_name_for_an_engine_is_told_by_its_first_check(machine: Machine, stranger: Site) -> None:
    add(machine)
    machine.add_stranger("h2").daemon.id = stranger.daemon.id
    offline(machine, "h2")
    [report] = machine.looma().hosts.check(["h2"])
    assert (report.failed, report.checks[-1].detail) == (True, "it is the engine of host h1; h2 is cordoned")
    assert ("id" in recorded(machine, "h2").engine, recorded(machine, "h2").cordoned) == (False, True)
    assert (recorded(machine).engine["id"], recorded(machine).cordoned) == (stranger.daemon.id, False)
    machine.looma().status.fleet(live=True)
    assert recorded(machine).engine["id"] == stranger.daemon.id


def test_a_second_name_for_the_engine_here_is_told_by_its_first_check(machine: Machine, stranger: Site) -> None:
    stranger.daemon.id = machine.daemon.id
    offline(machine)
    [report] = machine.looma().hosts.check(["h1"])
    assert report.checks[-1].detail == "it is the engine of host local; h1 is cordoned"
    assert recorded(machine).cordoned


def test_hosts_that_nobody_knows_are_not_checked_shown_or_removed(machine: Machine) -> None:
    hosts = machine.looma().hosts
    for ask in (lambda: hosts.check(["nosuch"]), lambda: hosts.show("nosuch"), lambda: hosts.remove("nosuch")):
        with pytest.raises(NotFound, match="nosuch"):
            ask()


# cordon
def test_an_unreachable_host_stays_cordoned(machine: Machine, stranger: Site) -> None:
    add(machine)
    machine.looma().hosts.cordon("h1", cordoned=True)
    assert recorded(machine).standing == "cordoned"
    stranger.cut()
    machine.looma().status.fleet(live=True)
    assert (recorded(machine).standing, recorded(machine).cordoned) == ("unreachable", True)
    stranger.back()
    machine.looma().status.fleet(live=True)
    assert recorded(machine).standing == "cordoned"
    machine.looma().hosts.cordon("h1", cordoned=False)
    assert recorded(machine).standing == "ready"


def test_local_can_be_cordoned_without_a_record_of_its_own(machine: Machine) -> None:
    machine.looma().hosts.cordon("local", cordoned=True)
    assert recorded(machine, "local").cordoned
    with pytest.raises(NotAllowed, match="host local is cordoned") as refused:
        machine.looma().tenants.create(lite())
    assert "looma host uncordon local" in refused.value.hint
    machine.looma().hosts.cordon("local", cordoned=False)
    machine.looma().tenants.create(lite(start=False))


def test_a_dry_cordon_changes_nothing(machine: Machine) -> None:
    plan = machine.looma().hosts.cordon("local", cordoned=True, dry_run=True)
    assert isinstance(plan, Plan)
    assert plan.changes == ("~ host local takes no new tenants",)
    assert not recorded(machine, "local").cordoned


# removing
def test_a_host_on_which_nothing_is_can_be_removed(machine: Machine, stranger: Site) -> None:
    add(machine)
    plan = machine.looma().hosts.remove("h1", dry_run=True)
    assert isinstance(plan, Plan)
    assert plan.changes[0] == f"- host h1 {URL}"
    machine.looma().hosts.remove("h1")
    assert [host.name for host in machine.looma().hosts.list()] == ["local"]
    add(machine)


def test_a_host_with_tenants_layers_or_a_move_under_way_stays(machine: Machine, stranger: Site) -> None:
    add(machine)
    machine.looma().tenants.create(lite(host="h1", start=False))
    with pytest.raises(NotAllowed, match="host h1 has tenants: acme") as refused:
        machine.looma().hosts.remove("h1")
    assert refused.value.details["tenants"] == ["acme"]
    with machine.world().store.write() as state:
        state.release_reservation("acme", "h1")
        state.save_tenant(replace(state.tenant("acme"), host="local"))
        state.keep_layer(KeptLayer(LayerReference("acme", "data", 1), "h1", machine.clock.now(), "tenant.move"))
    with pytest.raises(NotAllowed, match="kept layers of acme"):
        machine.looma().hosts.remove("h1")
    with machine.world().store.write() as state:
        state.forget_layer(LayerReference("acme", "data", 1))
        state.reserve(Reservation("h1", 0, "acme", 1, 1))
    with pytest.raises(NotAllowed, match="being moved to host h1"):
        machine.looma().hosts.remove("h1")
    with machine.world().store.write() as state:
        state.release_reservation("acme", "h1")
    machine.looma().hosts.remove("h1")


def test_local_stays(machine: Machine) -> None:
    with pytest.raises(NotAllowed, match="cannot be removed"):
        machine.looma().hosts.remove("local")


# what is shown
def test_a_page_has_tenants_what_they_hold_and_a_forecast(machine: Machine, stranger: Site) -> None:
    stranger.daemon.memory_bytes = 64 << 30
    add(machine)
    machine.looma().tenants.create(lite(host="h1", start=False))
    page = machine.looma().hosts.show("h1", "basic", "lite")
    assert (page.tenants, page.host.tenants) == (("acme",), 1)
    assert page.forecast is not None
    assert page.reserved.memory_bytes == page.forecast.each.memory_bytes
    assert [ceiling.tenants for ceiling in page.forecast.ceilings] == sorted(ceiling.tenants for ceiling in page.forecast.ceilings)
    assert machine.looma().hosts.show("h1").forecast.edition == "basic"  # type: ignore[union-attr]
    with pytest.raises(NotFound):
        machine.looma().hosts.show("h1", "nosuch")


def test_this_machines_address_is_that_of_the_settings_whatever_was_recorded(machine: Machine) -> None:
    machine.looma().status.fleet(live=True)
    machine.environment["LOOMA_ADDRESS"] = "203.0.113.9"
    assert recorded(machine, "local").address == "203.0.113.9"
    assert machine.looma().tenants.create(lite(start=False)).address == "203.0.113.9"  # type: ignore[union-attr]
