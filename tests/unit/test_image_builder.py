"""Building the local image set, with a docker command and an apt that are programs on PATH and only keep a record."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from looma_cli.adapters.images import ImageBuilder
from looma_cli.errors import CommandFailed, EngineUnavailable, ImageUnavailable, LoomaError, NotFound
from tests.fakes import docker_command
from tests.image_sets import write_chain, write_image

APT_GET = '#!/bin/sh\nprintf "Debian|Debian|http://main.test/debian/\\nDebian|Debian-Security|http://main.test/security/\\n"\n'
APT_CONFIG = "#!/bin/sh\necho 'Acquire::http::Proxy \"http://proxy.test:3128\";'\n"


BROKEN_APT = "#!/bin/sh\necho 'E: bad' >&2; exit 100\n"


class Bench:
    """A builder of the three images over a fake docker and a fake apt, each a program on PATH."""

    def __init__(self, templates: Path, home: Path) -> None:
        self.home = home
        home.mkdir()
        self._program("docker", f"#!{sys.executable}\n{Path(docker_command.__file__).read_text()}")
        self._program("apt-get", APT_GET)
        self._program("apt-config", APT_CONFIG)
        self.environment = {"PATH": f"{home}:/usr/bin:/bin", "HOME": str(home)}
        self.templates = templates
        self.reported: list[tuple[str, str, str]] = []

    def _program(self, name: str, text: str) -> None:
        path = self.home / name
        path.write_text(text)
        path.chmod(0o755)

    @property
    def builder(self) -> ImageBuilder:
        return ImageBuilder(self.templates, self.environment)

    def build(self, *names: str, **options: object) -> dict[str, str]:
        results = self.builder.build(list(names) or None, lambda *line: self.reported.append(line), **options)  # type: ignore[arg-type]
        return {result.name: result.state for result in results}

    def log(self) -> list[str]:
        path = self.home / "log"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(write_chain(tmp_path / "templates"), tmp_path / "bench")


def test_all_are_built_in_order_and_then_left_alone(bench: Bench) -> None:
    assert bench.build() == {"base": "built", "tools": "built", "app": "built"}
    assert [line for line in bench.log() if line.startswith("start")] == ["start base", "start tools", "start app"]
    assert all(bench.builder.present(each) for each in bench.builder.specifications())
    bench.reported.clear()
    assert bench.build() == {"base": "unchanged", "tools": "unchanged", "app": "unchanged"}
    assert bench.reported == [("base", "unchanged", ""), ("tools", "unchanged", ""), ("app", "unchanged", "")]


def test_a_change_rebuilds_the_image_and_what_stands_on_it(bench: Bench) -> None:
    bench.build()
    (bench.templates / "images" / "tools" / "new").write_text("x")
    assert not bench.builder.present(bench.builder.specifications()[1])
    assert bench.build() == {"base": "unchanged", "tools": "built", "app": "built"}


def test_the_image_that_lost_its_name_is_removed(bench: Bench) -> None:
    bench.build("base")
    earlier = (bench.home / "base.id").read_text()
    assert not [line for line in bench.log() if line.startswith("remove")]
    bench.build("base", fresh=True)
    assert [line for line in bench.log() if line.startswith("remove")] == [f"remove {earlier}"]


def test_fresh_builds_the_unchanged_too_without_the_cache(bench: Bench) -> None:
    bench.build()
    assert bench.build("tools", fresh=True) == {"base": "built", "tools": "built"}
    assert "--no-cache" in (bench.home / "tools.command").read_text()


def test_progress_shows_the_steps_without_their_options(bench: Bench) -> None:
    bench.build("base")
    assert bench.reported[0] == ("base", "building", "")
    assert bench.reported[1] == ("base", "building", "stage-0 2/2: RUN install-packages base")
    assert bench.reported[-1][:2] == ("base", "built")


def test_independent_images_are_built_side_by_side(bench: Bench) -> None:
    write_image(bench.templates, "app", "base")
    bench.environment["BUILD_SECONDS"] = "0.4"
    bench.build(parallel=2)
    assert sorted(bench.log()[2:4]) == ["start app", "start tools"]


def test_the_machines_apt_enters_as_a_secret_and_never_as_an_argument(bench: Bench) -> None:
    bench.environment["HTTP_PROXY"] = "http://user:word@proxy.test:3128"
    bench.build("base")
    assert (bench.home / "apt").read_text() == (
        'Looma::Mirror "http://main.test/debian/";\nLooma::Security "http://main.test/security/";\n'
        'Acquire::http::Proxy "http://proxy.test:3128";\n'
    )
    command = (bench.home / "base.command").read_text()
    assert ".test" not in command
    assert '"--build-arg", "HTTP_PROXY"' in command


def test_labels_say_what_the_image_is(bench: Bench) -> None:
    bench.build("base")
    labels = (bench.home / "base.labels").read_text()
    for label in ("title", "version", "source"):
        assert f"org.opencontainers.image.{label}" in labels
    assert bench.builder.context_digest(bench.builder.specifications()[0]) in labels


def test_a_failed_build_says_why_and_stops_what_stands_on_it(bench: Bench) -> None:
    (bench.home / "broken").write_text("tools")
    with pytest.raises(ImageUnavailable, match=r"looma/tools:1\.0 could not be built: E: Unable to locate package tools") as caught:
        bench.build()
    assert caught.value.details["log"][-1] == "ERROR: failed to solve"
    assert ("tools", "failed", "ERROR: failed to solve") in bench.reported
    assert [line for line in bench.log() if line.startswith("start")] == ["start base", "start tools"]
    (bench.home / "broken").unlink()
    assert bench.build() == {"base": "unchanged", "tools": "built", "app": "built"}


def test_a_failure_ends_the_builds_beside_it(bench: Bench) -> None:
    write_image(bench.templates, "app", "base")
    bench.build("base")
    bench.environment["BUILD_SECONDS"] = "60"
    (bench.home / "broken").write_text("tools")
    started = time.monotonic()
    with pytest.raises(ImageUnavailable):
        bench.build(parallel=2)
    assert time.monotonic() - started < 30
    assert "end app" not in bench.log()
    assert not (bench.home / "app.built").exists()


@pytest.mark.parametrize(
    ("mishap", "kind", "message"),
    [
        (lambda home: (home / "down").touch(), EngineUnavailable, "the container engine does not answer"),
        (lambda home: (home / "docker").unlink(), EngineUnavailable, "the docker command is not installed"),
        (lambda home: (home / "apt-get").write_text("#!/bin/sh\nexit 0\n"), ImageUnavailable, "no package lists of a Debian mirror"),
        (lambda home: (home / "apt-get").write_text(BROKEN_APT), ImageUnavailable, "apt-get indextargets: E: bad"),
    ],
    ids=["engine down", "no docker", "no lists", "apt broken"],
)
def test_what_is_missing_is_said_in_one_line(bench: Bench, mishap: Callable[[Path], object], kind: type[LoomaError], message: str) -> None:
    bench.environment["PATH"] = f"{bench.home}:/nowhere"
    mishap(bench.home)
    with pytest.raises(kind, match=re.escape(message)) as caught:
        bench.build()
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    assert bench.log() == []


def test_a_bundle_of_absent_images_is_refused_and_leaves_no_file(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(ImageUnavailable, match=r"not on this engine: looma/base:1\.0, looma/app:1\.0"):
        bench.builder.bundle(["looma/base:1.0", "looma/app:1.0"], tmp_path / "bundle.tar")
    assert not list(tmp_path.glob("bundle*"))


def test_a_bundle_that_cannot_be_saved_leaves_no_file(bench: Bench, tmp_path: Path) -> None:
    bench.build("base")
    with pytest.raises(CommandFailed, match=r"docker save: unexpected: save looma/base:1\.0"):
        bench.builder.bundle(["looma/base:1.0"], tmp_path / "bundle.tar")
    with pytest.raises(CommandFailed, match="cannot be written: No such file or directory"):
        bench.builder.bundle(["looma/base:1.0"], tmp_path / "nowhere" / "bundle.tar")
    assert not list(tmp_path.glob("bundle*"))


def test_loading_what_is_not_there_is_refused(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        bench.builder.load(tmp_path / "bundle.tar")
