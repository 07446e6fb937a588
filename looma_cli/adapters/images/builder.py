"""Makes the local image set: in the order of dependencies, side by side, and only what has changed."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from looma_cli.adapters.images import machine
from looma_cli.adapters.images.context import context_digest
from looma_cli.adapters.images.docker import Docker
from looma_cli.adapters.images.specification import ImageSpecification, read_specifications, with_dependencies
from looma_cli.errors import CommandFailed, ImageUnavailable, NotFound

LABEL_DIGEST = "looma.image.digest"
# A step of `--progress plain`: "#7 [stage-1 2/6] RUN --mount=... COMMAND"; the others are bookkeeping.
_STEP = re.compile(r"^#\d+ \[(?P<stage>[^]]+)\] (?P<command>(?:RUN|COPY) .+)$")
_SHOWN = 100
_SHOWN_LINES = 15

Report = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class BuildResult:
    """``state`` is built or unchanged; ``seconds`` of wall time, 0 for an unchanged one."""

    name: str
    reference: str
    state: str
    seconds: float


class ImageBuilder:
    """The images below ``templates_dir/images``, on the engine that the docker command talks to with ``environment``."""

    def __init__(self, templates_dir: Path, environment: Mapping[str, str]) -> None:
        self._images = templates_dir / "images"
        self._environment = dict(environment)
        self._docker = Docker(self._environment)

    def specifications(self) -> list[ImageSpecification]:
        """All images of the set, each after those it depends on. Raises InvalidManifest."""
        return read_specifications(self._images)

    def context_digest(self, specification: ImageSpecification) -> str:
        """SHA-256 in hex over all that the image is made of; the built image has it as the label ``looma.image.digest``."""
        return context_digest(specification, {each.name: each for each in self.specifications()})

    def present(self, specification: ImageSpecification) -> bool:
        """Whether the engine has the image as it would be built now. Raises EngineUnavailable."""
        labels = self._labels([specification.reference])
        return labels.get(specification.reference) == self.context_digest(specification)

    def build(self, names: Sequence[str] | None, report: Report, parallel: int = 2, fresh: bool = False) -> list[BuildResult]:
        """Make the named images (None: all) and those they stand on; with ``fresh`` the unchanged ones too, with today's packages.

        ``report`` is called with (name, state, line) from several threads; state is unchanged, building, built or failed.
        Raises NotFound, EngineUnavailable, and ImageUnavailable with the end of the build's log as ``details['log']``.
        """
        every = self.specifications()
        chosen = with_dependencies(every, [each.name for each in every] if names is None else names)
        by_name = {each.name: each for each in every}
        digests = {each.name: context_digest(each, by_name) for each in chosen}
        there = {} if fresh else self._labels([each.reference for each in chosen])
        stale = [each for each in chosen if there.get(each.reference) != digests[each.name]]
        for each in chosen:
            if each not in stale:
                report(each.name, "unchanged", "")
        seconds = self._build_all(stale, digests, report, parallel, fresh) if stale else {}
        return [BuildResult(e.name, e.reference, "built" if e.name in seconds else "unchanged", seconds.get(e.name, 0.0)) for e in chosen]

    def bundle(self, references: Sequence[str], path: Path) -> None:
        """Save images into one tar file, which appears whole or not at all. Raises ImageUnavailable, CommandFailed."""
        there = self._labels(references)
        if missing := [reference for reference in references if reference not in there]:
            hint = "pull them, or make the local ones: looma image build"
            raise ImageUnavailable(f"not on this engine: {', '.join(missing)}", hint, missing=missing)
        partial = path.with_name(f"{path.name}.partial")
        try:
            with partial.open("wb") as file:
                self._docker.output("save", *references, to=file)
            partial.replace(path)
        except OSError as error:
            raise CommandFailed(f"{path} cannot be written: {error.strerror}", "choose another place for it") from error
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    def load(self, path: Path) -> list[str]:
        """Load a bundle into the engine; the references in it. Raises NotFound, CommandFailed."""
        if not path.is_file():
            raise NotFound(f"there is no file {path}", "make one with: looma image bundle FILE")
        lines = self._docker.output("load", "--input", str(path)).splitlines()
        return [line.split(": ", 1)[1] for line in lines if line.startswith("Loaded image")]

    def _labels(self, references: Sequence[str]) -> dict[str, str]:
        """The digest label (or "") of each reference that the engine has."""
        if not references:
            return {}
        # the exit code is 1 when one of them is missing; the others are printed all the same
        found = json.loads(self._docker.output("image", "inspect", *references, accept=(0, 1)) or "[]")
        names = {tag: (image["Config"].get("Labels") or {}).get(LABEL_DIGEST, "") for image in found for tag in image["RepoTags"] or ()}
        return {reference: names[reference] for reference in references if reference in names}

    def _build_all(
        self, specifications: Sequence[ImageSpecification], digests: Mapping[str, str], report: Report, parallel: int, fresh: bool
    ) -> dict[str, float]:
        by_name = {each.name: each for each in specifications}
        order = TopologicalSorter({n: [d for d in by_name[n].depends_on if d in by_name] for n in by_name})
        order.prepare()
        seconds: dict[str, float] = {}
        with tempfile.TemporaryDirectory(prefix="looma-images-") as scratch, ThreadPoolExecutor(max_workers=max(1, parallel)) as pool:
            docker = Docker(self._environment)
            one = _Build(docker, self._environment, Path(scratch), report, fresh)
            running: dict[Future[float], str] = {}
            try:
                while order.is_active():
                    running |= {pool.submit(one.run, by_name[name], digests[name]): name for name in order.get_ready()}
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        name = running.pop(future)
                        seconds[name] = future.result()
                        order.done(name)
            except ImageUnavailable as error:
                docker.stop()
                for line in error.details.get("log", [])[-_SHOWN_LINES:]:
                    report(error.details["image"], "failed", line)
                raise
            except BaseException:
                # also for Ctrl-C: nothing goes on in the background
                docker.stop()
                raise
        return seconds


class _Build:
    """One run of the builder: what all its builds share."""

    def __init__(self, docker: Docker, environment: Mapping[str, str], scratch: Path, report: Report, fresh: bool) -> None:
        self._docker = docker
        self._environment = environment
        self._report = report
        self._fresh = fresh
        self._apt = machine.read_apt(environment)
        self._apt_settings = scratch / "settings.conf"
        self._apt_settings.write_text(self._apt.settings, encoding="utf-8")
        self._apt_secret = scratch / "apt.conf"
        self._apt_secret.write_text(self._apt.secret, encoding="utf-8")
        # Another builder (a container) would not see the images that this engine has, and so not what others stand on.
        self._builder = docker.output("context", "show").strip() or "default"

    def run(self, specification: ImageSpecification, digest: str) -> float:
        """Builds one image; the seconds it took. Raises ImageUnavailable."""
        started = time.monotonic()
        self._report(specification.name, "building", "")
        earlier = self._image_id(specification.reference)
        has_dockerfile = (specification.directory / "Dockerfile").is_file()
        labels = self._labels(specification, digest)
        command = self._docker_build(specification, labels) if has_dockerfile else self._script(specification, labels)
        try:
            self._docker.follow(command, lambda line: self._line(specification.name, line), self._settings(specification))
        except CommandFailed as error:
            raise _unbuildable(specification, error) from error
        self._remove_superseded(earlier, specification.reference)
        seconds = time.monotonic() - started
        self._report(specification.name, "built", f"in {seconds:.1f} s")
        return seconds

    def _image_id(self, reference: str) -> str:
        return self._docker.output("image", "ls", "--quiet", "--no-trunc", reference).strip()

    def _remove_superseded(self, earlier: str, reference: str) -> None:
        """The image that has lost its name to the new one would only fill the disk; one that a container still uses stays."""
        if earlier and earlier != self._image_id(reference):
            with suppress(CommandFailed):
                self._docker.output("image", "rm", earlier)

    def _line(self, name: str, line: str) -> None:
        if step := _STEP.match(line):
            command = " ".join(word for word in step["command"].split() if not word.startswith("--"))
            self._report(name, "building", f"{step['stage']}: {command}"[:_SHOWN])

    def _docker_build(self, specification: ImageSpecification, labels: Mapping[str, str]) -> list[str]:
        options = ["--progress", "plain", "--builder", self._builder, "--load", "--tag", specification.reference]
        options += ["--secret", f"id=apt,src={self._apt_secret}"]
        if bundle := machine.certificates(self._environment):
            options += ["--secret", f"id=ca,src={bundle}"]
        options += machine.proxy_arguments(self._environment)
        for name, value in specification.build_args:
            options += ["--build-arg", f"{name}={value}"]
        for name, value in labels.items():
            options += ["--label", f"{name}={value}"]
        return ["docker", "buildx", "build", *(["--no-cache"] if self._fresh else []), *options, str(specification.directory)]

    def _script(self, specification: ImageSpecification, labels: Mapping[str, str]) -> list[str]:
        machine.require_mmdebstrap(self._environment)
        pairs = [f"{name}={value}" for name, value in labels.items()]
        return ["sh", str(specification.directory / "build.sh"), specification.reference, *pairs]

    def _settings(self, specification: ImageSpecification) -> dict[str, str]:
        """What ``build.sh`` reads from its environment; docker build has no use for it."""
        given = {"MIRROR": self._apt.mirror, "SECURITY_MIRROR": self._apt.security_mirror, "APT_SETTINGS": str(self._apt_settings)}
        return {**given, **dict(specification.build_args)}

    def _labels(self, specification: ImageSpecification, digest: str) -> dict[str, str]:
        return {
            "org.opencontainers.image.title": specification.title,
            "org.opencontainers.image.version": specification.version,
            "org.opencontainers.image.source": specification.source,
            "org.opencontainers.image.ref.name": specification.reference,
            LABEL_DIGEST: digest,
        }


def _unbuildable(specification: ImageSpecification, error: CommandFailed) -> ImageUnavailable:
    log = error.details.get("log", [])
    message = f"{specification.reference} could not be built: {_cause(log) or error.message}"
    hint = f"mend what the end of the log says, then: looma image build {specification.name}"
    return ImageUnavailable(message[:300], hint, image=specification.name, log=log)


def _cause(log: Sequence[str]) -> str:
    """The line of a build's log that says most: errors of apt, dpkg and compilers begin so."""
    said = [re.sub(r"^(#\d+ )?[\d.]+ ", "", line).strip() for line in log]
    return next((line for line in said if line.startswith(("E: ", "error: ", "dpkg: error", "make: ***"))), "")
