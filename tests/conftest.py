"""Fixtures for every test: an engine where one is needed, and nothing left on it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from looma_cli.adapters.engine import EngineApi
from looma_cli.adapters.engine.endpoint import resolve
from looma_cli.errors import LoomaError
from looma_cli.model.layer import LABEL_INSTALLATION
from tests.engine_objects import TEST_LABEL, is_stale, owner_mark, remove_objects

ENGINE_SECONDS = 240  # for one answer: an engine that has no processor to itself takes half a minute to kill a container
TENANTS = "tenants"
HOSTS = "hosts"
LONGEST_FIRST = (TENANTS, HOSTS)
ENGINE_TEST_SECONDS = 900

# How fast examples are made says something of the machine alone.
settings.register_profile("looma", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("looma")

# A shell's background job starts with Ctrl-C ignored, and so would every program that these tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def engine_required() -> Iterator[EngineApi]:
    """The engine's API. Fails, never skips, when none answers; objects of this and of killed test runs are removed."""
    api = EngineApi(resolve(None, os.environ), os.environ, timeout_seconds=ENGINE_SECONDS)
    if reason := _why_unusable(api):
        pytest.fail(f"this test needs a container engine, which `make test` sets up: {reason}", pytrace=False)
    remove_objects(api, TEST_LABEL, is_stale)
    yield api
    remove_objects(api, TEST_LABEL, owner_mark().__eq__)


def _why_unusable(api: EngineApi) -> str:
    """Empty for an engine that answers."""
    try:
        api.get("/version")
    except LoomaError as error:
        return error.message
    return ""


@pytest.fixture(autouse=True)
def _engine_where_marked(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("engine"):
        request.getfixturevalue("engine_required")


@pytest.fixture
def remove_installation(engine_required: EngineApi) -> Iterator[Callable[[str], None]]:
    """Call it with the id of an installation: all that carries its label is removed after the test."""
    installations: list[str] = []
    yield installations.append
    for installation in installations:
        remove_objects(engine_required, LABEL_INSTALLATION, installation.__eq__)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test over the real engine is tried twice more when it fails, and the summary counts each rerun: a loaded machine must not
    decide. One that fails thrice has failed; what needs no engine gets no second try. For the same reason it has time enough."""
    for item in items:
        if item.get_closest_marker("engine"):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=3))
            item.add_marker(pytest.mark.timeout(ENGINE_TEST_SECONDS))
    items.sort(key=lambda item: _place(_group(item.nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For several processes at once (``-n 2 --dist loadscope --no-loadscope-reorder``, as `make test` does): a module stays in one of
    them, for it shares servers. All that make tenants stay together, since they want the same ports, and what a killed command was to
    take must still be free when it is resumed. So do all that use the rig of hosts, of which there shall be one. Both are the longest, and
    so they are first. (Groups by mark, xdist's own way, do not work with pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return ByGroup(config, log)


def _group(nodeid: str) -> str:
    module = nodeid.partition("::")[0]
    if module.startswith("tests/integration/hosts/"):
        return HOSTS
    return TENANTS if module.startswith("tests/integration/") and not module.startswith("tests/integration/images/") else module


def _place(group: str) -> int:
    return LONGEST_FIRST.index(group) if group in LONGEST_FIRST else len(LONGEST_FIRST)
