"""A running tenant's containers seen and entered: logs, exec, and what rendering would write."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from looma_cli.errors import NotAllowed, NotFound
from looma_cli.model.layer import Workload
from looma_cli.model.tenant import Tenant
from looma_cli.steps.layers import manifest_name, render_request
from looma_cli.usecases.context import Context


def refuse_broken_override(context: Context, tenant: Tenant) -> None:
    """Before anything is stopped or changed. Raises InvalidManifest with the lines that are wrong in the tenant's ``override.yaml``."""
    world = context.world
    if world.files.read(tenant.name, "override.yaml") is None:
        return
    for layer in ("data", "app"):
        with world.store.read() as state:
            request = render_request(world, state, tenant, layer, tenant.layer(layer).generation, False)
        world.renderer.render(request)


class StackUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    def logs(
        self, name: str, service: str | None = None, *, tail: int | None = None, follow: bool = False, since: str | None = None
    ) -> Iterator[str]:
        """Lines of one service, or of all with the service's name before each. Raises NotFound for an unknown service."""
        tenant = self._tenant(name)
        workloads = self._workloads(tenant, service)
        engine = self._world.engine(tenant.host)
        if len(workloads) == 1:
            yield from engine.logs(workloads[0], tail=tail, follow=follow, since=since)
            return
        if follow:
            yield from _interleaved([(w.component, engine.logs(w, tail=tail, follow=True, since=since)) for w in workloads])
            return
        for workload in workloads:
            for line in engine.logs(workload, tail=tail, follow=False, since=since):
                yield f"{workload.component} | {line}"

    def execute(self, name: str, service: str, command: Sequence[str], *, interactive: bool, terminal: bool) -> int:
        """Run a command in a service's container with this terminal; returns its exit code."""
        tenant = self._tenant(name)
        workload = self._workloads(tenant, service)[0]
        if workload.state != "running":
            raise NotAllowed(f"{service} of {name} is {workload.state}", f"looma tenant start {name}")
        return self._world.engine(tenant.host).attach(workload, command, interactive=interactive, terminal=terminal)

    def render(self, name: str, *, diff: bool = False) -> dict[str, str]:
        """What rendering would write, by file name; with ``diff`` the difference to what was written (empty files left out)."""
        tenant = self._tenant(name)
        files = {}
        for layer in ("data", "app"):
            generation = tenant.layer(layer).generation
            with self._world.store.read() as state:
                request = render_request(self._world, state, tenant, layer, generation, self._start_interval(tenant))
            text = self._world.renderer.render(request).manifest
            file = manifest_name(layer, generation)
            files[file] = _difference(self._world.files.read(name, file) or "", text, file) if diff else text
        return {file: text for file, text in files.items() if text}

    def _start_interval(self, tenant: Tenant) -> bool:
        """As the written files have it, so that the engine need not be asked."""
        written = self._world.files.read(tenant.name, manifest_name("data", tenant.data_generation))
        return written is None or "start_interval" in written

    def _tenant(self, name: str) -> Tenant:
        with self._world.store.read() as state:
            return state.tenant(name)

    def _workloads(self, tenant: Tenant, service: str | None) -> list[Workload]:
        current = {tenant.layer("data"), tenant.layer("app")}
        edition = self._world.catalog.edition(tenant.edition)
        known = [component.name for component in edition.of_profile(tenant.profile)]
        if service is not None and service not in known:
            raise NotFound(f"tenant {tenant.name} has no service {service!r}", f"it has {', '.join(known)}")
        found = [w for w in self._world.engine(tenant.host).workloads(tenant.name) if w.reference in current and w.component in known]
        chosen = [w for w in found if service in (None, w.component)]
        if not chosen:
            raise NotAllowed(f"tenant {tenant.name} is {tenant.status}: nothing runs", f"looma tenant start {tenant.name}")
        return sorted(chosen, key=lambda workload: known.index(workload.component))


def _difference(old: str, new: str, file: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"deployed/{file}", f"rendered/{file}", lineterm="")
    return "\n".join(lines)


def _interleaved(sources: Sequence[tuple[str, Iterable[str]]]) -> Iterator[str]:
    """Lines of several endless sources as they come; daemon threads, so that Ctrl-C ends at once."""
    import queue
    import threading

    lines: queue.Queue[str | None] = queue.Queue(maxsize=1000)

    def pump(prefix: str, source: Iterable[str]) -> None:
        try:
            for line in source:
                lines.put(f"{prefix} | {line}")
        finally:
            lines.put(None)

    for prefix, source in sources:
        threading.Thread(target=pump, args=(prefix, source), daemon=True).start()
    open_sources = len(sources)
    while open_sources:
        line = lines.get()
        if line is None:
            open_sources -= 1
        else:
            yield line
