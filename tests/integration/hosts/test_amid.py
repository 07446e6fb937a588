"""What breaks in the middle of a command on a host: unknown is not failed, so it goes on, by itself or by resume."""

from __future__ import annotations

import time

import pytest

from tests.integration.homes import LITE, finish, new_tenant, wait_until
from tests.integration.hosts.operators import Operator, carried_on, started
from tests.integration.records import present, write
from tests.rig import Host, faults

pytestmark = [pytest.mark.engine, pytest.mark.slow]
LOST_SECONDS = 20


@pytest.fixture(scope="module")
def host(operator: Operator) -> Host:
    return operator.rig.hosts[1]


def test_all_packets_lost_for_20_seconds_in_the_middle_of_an_up(operator: Operator, host: Host) -> None:
    name = new_tenant("lo")
    command = operator.looma.begin("tenant", "create", name, *LITE, "--host", host.name, "-o", "json")
    wait_until(lambda: started(operator, host, name, 2), 120, "the first containers")
    with faults.cut_off(host):
        time.sleep(LOST_SECONDS)
    assert carried_on(operator, name, finish(command))
    url = operator.looma.json("tenant", "show", name)["url"]
    write(url, "after")
    assert present(url, "after")
    operator.looma.delete(name)
    assert operator.anywhere() == []
