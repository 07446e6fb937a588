"""One ``fleet upgrade`` under way: wave after wave, several tenants at once, until the budget of failures is spent or the user ends it.

Each tenant is its own operation under its own lease, as if it were upgraded alone, and the journal is all that there is to remember: the
same command again goes on. Several at once are processes, since a lease knows one outside program of one process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from looma_cli.errors import Cancelled, LoomaError, OperationFailed, Paused, Unhealthy
from looma_cli.model.fleet import FleetMember, FleetPlan, FleetResult
from looma_cli.model.health import TenantHealth
from looma_cli.model.operation import OPEN_STATUSES, Operation, PlannedStep
from looma_cli.model.reporting import SilentReporter
from looma_cli.usecases.backup_health import COMPONENT as BACKUP
from looma_cli.usecases.context import Context
from looma_cli.usecases.health import HealthUseCases
from looma_cli.usecases.operations import OperationUseCases
from looma_cli.usecases.upgrading import UpgradeUseCases

PARALLEL = 2
ASK_AGAIN_SECONDS = 5.0
LOOK_SECONDS = 0.2  # how soon a Ctrl-C reaches the workers
FAILING = ("failed", "paused")

Say = Callable[[str, str], None]  # (note or warn, text)


class Rollout:
    """``stopped`` says in words why some tenants were not begun, empty if all were; ``error`` is what kept their health from being seen."""

    doing, did = "upgrading", "upgraded"

    def __init__(self, context: Context, health: HealthUseCases, plan: FleetPlan, *, max_failures: int, parallel: int) -> None:
        self._context = context
        self._world = context.world
        self._health = health
        self._plan = plan
        self._max_failures = max_failures
        self._parallel = parallel
        self._results: dict[str, FleetResult] = {}
        self.error: LoomaError | None = None

    def run(self) -> Iterator[FleetResult]:
        """A result for each tenant as it comes. One that was done comes again where it is not healthy when its wave is looked at."""
        yield from self._noted(self._result(member, "done") for member in self._plan.already)
        yield from self._noted(self._unhealthy(self._plan.already))
        for wave in self._plan.waves:
            yield from self._noted(self._upgraded(deque(wave.members)))
            yield from self._noted(self._unhealthy(wave.members))
        yield from self._noted(self._result(m, "not_begun") for m in self._plan.members if m.name not in self._results)

    @property
    def stopped(self) -> str:
        if not any(result.status == "not_begun" for result in self._results.values()):
            return ""
        if self._context.stop_requested():
            return "interrupted"
        return self.error.message if self.error else f"{self._failing} failed, and --max-failures is {self._max_failures}"

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C left something undone."""
        return self._context.stop_requested() and any(result.status in ("paused", "not_begun") for result in self._results.values())

    @property
    def _failing(self) -> int:
        return sum(result.status in FAILING for result in self._results.values())

    def _may_begin(self) -> bool:
        return not self._context.stop_requested() and self.error is None and self._failing <= self._max_failures

    def _noted(self, results: Iterable[FleetResult]) -> Iterator[FleetResult]:
        for result in results:
            self._results[result.name] = result
            yield result

    # a wave
    def _upgraded(self, waiting: deque[FleetMember]) -> Iterator[FleetResult]:
        if self._context.workers is not None and min(self._parallel, len(waiting)) > 1:
            yield from self._shared(waiting)
        while waiting and self._may_begin():
            yield self._turn(self._context, waiting.popleft(), lambda how, text: getattr(self._context.reporter, how)(text))

    def _shared(self, waiting: deque[FleetMember]) -> Iterator[FleetResult]:
        """What is left in ``waiting`` was not begun, or nobody is left to do it."""
        workers = self._context.workers
        assert workers is not None
        members = list(waiting)
        hands, under_way = min(self._parallel, len(members)), 0

        def work(number: int) -> FleetResult:
            own = replace(self._context, stop_requested=lambda: workers.interrupted)
            return self._turn(own, members[number], lambda how, text: workers.tell((how, text)))

        def heard(said: tuple[str, str]) -> None:
            getattr(self._context.reporter, said[0])(said[1])

        with workers.at_work(work, hands, heard) as crew:
            while under_way or (waiting and hands and self._may_begin()):
                while waiting and under_way < hands and self._may_begin():
                    crew.give(len(members) - len(waiting))
                    waiting.popleft()
                    under_way += 1
                if self._context.stop_requested():
                    crew.interrupt()
                for number, answer in crew.take(LOOK_SECONDS):
                    under_way -= 1
                    hands -= answer is None
                    yield answer or self._lost(members[number])

    def _unhealthy(self, members: Sequence[FleetMember]) -> Iterator[FleetResult]:
        """Those of a wave that are done and not well, whoever upgraded them; not of a wave that this run does not come to any more."""
        known = [self._results[member.name] for member in members if member.name in self._results]
        done = [result.name for result in known if result.status == "done"]
        if not done or self._context.stop_requested() or not (self._may_begin() or any(result.operation for result in known)):
            return
        try:
            sick = self._sick(done)
        except LoomaError as error:
            self.error = error
            return
        for name, why in sick.items():
            yield replace(self._results[name], status="failed", error=self._unhealthy_error(name, why))

    def _sick(self, names: list[str]) -> dict[str, str]:
        """Who is not well, and why. Whoever is not is asked once more: one answer that came too late must not end the whole rollout."""
        sick = {report.name: why for report in self._health.check(names).tenants if (why := _sickness(report))}
        if not sick:
            return {}
        self._world.clock.sleep(ASK_AGAIN_SECONDS)
        return {report.name: why for report in self._health.check(list(sick)).tenants if (why := _sickness(report))}

    def _unhealthy_error(self, name: str, sick: str) -> Unhealthy:
        message = f"{name} is not healthy on {self._plan.release}: {sick}"
        return Unhealthy(message, f"looma health {name} shows it; looma tenant rollback {name} moves it back")

    # one tenant
    def _turn(self, context: Context, member: FleetMember, say: Say) -> FleetResult:
        if context.stop_requested():
            return self._result(member, "not_begun")
        say("note", f"{member.name}: {self._begun(member)}")
        notes = TenantNotes(member.name, say, self.doing)
        try:
            self._bring(replace(context, reporter=notes), member)
        except LoomaError as error:
            return self._failure(member, error, notes.operation)
        except Exception as error:  # noqa: BLE001  a defect met by one tenant is that tenant's
            return self._failure(member, OperationFailed(f"{type(error).__name__}: {error}", "see --debug"), notes.operation)
        return self._result(member, "done", notes.operation)

    def _begun(self, member: FleetMember) -> str:
        return f"upgrading to {self._plan.release}"

    def _bring(self, context: Context, member: FleetMember) -> None:
        """An operation that was going back when it was interrupted ends on the old release, so that the upgrade is begun once more."""
        operations = OperationUseCases(context)
        if member.operation and operations.show(member.operation).status in OPEN_STATUSES:
            operations.resume(member.operation)
        with self._world.store.read() as state:
            release = state.tenant(member.name).release
        if release != self._plan.release:
            UpgradeUseCases(context).upgrade(member.name, self._plan.release)

    def _failure(self, member: FleetMember, error: LoomaError, operation: Operation | None) -> FleetResult:
        status = "paused" if isinstance(error, (Paused, Cancelled)) else "failed"
        return replace(self._result(member, status, operation), error=error)

    def _lost(self, member: FleetMember) -> FleetResult:
        error = Paused(f"the process that {self.did} {member.name} was killed", "the same command again goes on with it")
        with self._world.store.read() as state:
            return self._failure(member, error, state.open_operation(member.name))

    def _result(self, member: FleetMember, status: str, operation: Operation | None = None) -> FleetResult:
        """``operation`` is the last one that was begun for it."""
        known = known_of(operation)
        return FleetResult(member.name, status, member.tenant.release, self._plan.release, *known)


class TenantNotes(SilentReporter):
    """One tenant's steps as notes on one thing under way, since several are told of at once. ``operation`` is the last one begun."""

    def __init__(self, tenant: str, say: Say, doing: str) -> None:
        self._tenant = tenant
        self._say = say
        self._doing = doing
        self.operation: Operation | None = None

    def operation_started(self, operation: Operation) -> None:
        self.operation = operation

    def operation_finished(self, operation: Operation) -> None:
        self.operation = operation

    def step_started(self, index: int, step: PlannedStep, title: str, undoing: bool) -> None:
        self._say("note", f"{self._tenant}: {'undoing' if undoing else self._doing} ({title})")

    def note(self, text: str) -> None:
        self._say("note", text)

    def warn(self, text: str) -> None:
        self._say("warn", f"{self._tenant}: {text}")


def _sickness(report: TenantHealth) -> str:
    """What is not well, in words. Backups that are missing are not the release's doing."""
    lines = [line for line in report.components if not line.healthy and line.kind != BACKUP]
    return "; ".join(f"{line.component} {line.detail or line.state}" for line in lines)


def known_of(operation: Operation | None) -> tuple[str | None, int | None]:
    """Its id, and how long it took; None for what is not known (yet)."""
    if operation is None:
        return None, None
    ended = operation.finished_at
    return operation.id, None if ended is None else round((ended - operation.started_at).total_seconds() * 1000)
