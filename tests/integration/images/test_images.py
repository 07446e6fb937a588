"""What all images of the local set have in common: how they run, what they say of themselves, what they leave out; carrying them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from looma_cli.adapters.images import ImageBuilder
from looma_cli.adapters.images.machine import read_apt
from looma_cli.settings import data_directory
from tests.integration.images.containers import SECRETS, Containers, process_status

pytestmark = pytest.mark.engine

TEMPLATES = data_directory("templates")
REFERENCES = [each.reference for each in ImageBuilder(TEMPLATES, os.environ).specifications()]


@pytest.mark.parametrize("reference", REFERENCES)
def test_an_image_keeps_nothing_of_where_it_was_built(containers: Containers, reference: str) -> None:
    apt = read_apt(os.environ)
    image = containers.engine.images.get(reference)
    for uri in (apt.mirror, apt.security_mirror or apt.mirror):
        assert uri.rstrip("/") not in str(image.history()) + str(image.attrs)
    kept = "! -name lock ! -path '*/apt.conf.d/*' ! -path '*/trusted.gpg.d/*'"
    caches = f"find /etc/apt /var/lib/apt/lists /var/cache/apt /var/log /run/secrets -type f {kept}"
    left = containers.run_once(reference, f"grep -rlF {apt.mirror.rstrip('/')} /etc /usr/local; {caches}")
    assert left == ""


@pytest.mark.parametrize("reference", REFERENCES)
def test_an_image_says_what_it_is(containers: Containers, reference: str) -> None:
    labels = containers.engine.images.get(reference).labels
    assert labels["org.opencontainers.image.title"]
    assert labels["org.opencontainers.image.source"]
    assert labels["org.opencontainers.image.version"]
    assert len(labels["looma.image.digest"]) == 64


@pytest.mark.parametrize("reference", REFERENCES)
def test_no_program_of_an_image_gives_privileges(containers: Containers, reference: str) -> None:
    assert containers.run_once(reference, "echo searched; find / -xdev -type f -perm /6000") == "searched"


@pytest.mark.parametrize(
    ("reference", "memory_mib", "options"),
    [
        ("looma/mysql:10.11", 192, {"environment": {"MYSQL_ROOT_PASSWORD": "x"}}),
        ("looma/postgresql:15-pgvector", 96, {"environment": {"POSTGRES_PASSWORD": "x"}}),
        ("looma/redis:7.0", 64, {}),
        ("looma/nginx:1.30", 64, {"user": "101:101"}),
        ("looma/prometheus:2.42", 128, {}),
        ("looma/consul:1.8", 96, {}),
    ],
)
@pytest.mark.parametrize("writable", [{}, {"read_only": False, "tmpfs": {}}], ids=["read-only", "writable"])
def test_a_server_runs_without_root_and_capabilities(
    containers: Containers, reference: str, memory_mib: int, options: dict, writable: dict
) -> None:
    container = containers.start(reference, memory_mib, **options, **writable)
    assert process_status(container, "Uid").split()[0] != "0"
    assert int(process_status(container, "CapEff"), 16) == 0
    assert process_status(container, "NoNewPrivs") == "1"
    container.stop(timeout=20)
    container.reload()
    assert container.attrs["State"]["ExitCode"] in (0, 1 if "consul" in reference else 0)
    assert not container.attrs["State"]["OOMKilled"]


@pytest.mark.parametrize(
    ("reference", "memory_mib", "environment"),
    [
        ("looma/mysql:10.11", 192, {"MYSQL_ROOT_PASSWORD_FILE": f"{SECRETS}/password"}),
        ("looma/postgresql:15-pgvector", 96, {"POSTGRES_PASSWORD_FILE": f"{SECRETS}/password"}),
        ("looma/redis:7.0", 64, {}),
        ("looma/consul:1.8", 96, {}),
    ],
)
def test_started_as_root_a_server_drops_to_its_own_user(
    containers: Containers, reference: str, memory_mib: int, environment: dict[str, str]
) -> None:
    container = containers.start(
        reference, memory_mib, environment=environment, secrets={"password": "x"}, user="0", cap_add=["SETUID", "SETGID"]
    )
    assert process_status(container, "Uid").split() == ["999"] * 4
    assert int(process_status(container, "CapEff"), 16) == 0


# --- carrying them --------------------------------------------------------------------------------------------------


def test_a_bundle_brings_an_image_back(containers: Containers, image_builder: ImageBuilder, tmp_path: Path) -> None:
    reference = f"looma-test/bundle:{os.getpid()}"
    assert containers.engine.images.get("looma/nginx:1.30").tag(reference)
    image_builder.bundle([reference, "looma/nginx:1.30"], tmp_path / "bundle.tar")
    containers.engine.images.remove(reference)
    assert sorted(image_builder.load(tmp_path / "bundle.tar")) == [reference, "looma/nginx:1.30"]
    assert containers.engine.images.get(reference).id == containers.engine.images.get("looma/nginx:1.30").id
    containers.engine.images.remove(reference)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.tar"]


def test_an_image_counts_as_present_until_its_directory_changes(tmp_path: Path) -> None:
    copy = shutil.copytree(TEMPLATES, tmp_path / "templates")
    builder = ImageBuilder(copy, os.environ)
    assert all(builder.present(each) for each in builder.specifications())
    (copy / "images" / "redis" / "healthcheck").write_text("#!/bin/sh\n")
    assert [each.name for each in builder.specifications() if not builder.present(each)] == ["redis"]
