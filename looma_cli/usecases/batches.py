"""Many tenants created by one command. Each is an operation of its own, under its own lease, as if it had been created alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from looma_cli.errors import Cancelled, LoomaError, OperationFailed
from looma_cli.model.reporting import SilentReporter
from looma_cli.model.requests import CreateRequest
from looma_cli.model.tenant import Tenant
from looma_cli.usecases.context import Context, Look, first_look
from looma_cli.usecases.placing import Placer

HERE_FIRST = 2  # tenants that are created before workers are forked: they make the state and its key, and what workers then share
WORTH_IT = 12  # rows from which on forking pays
AT_ONCE = 2  # workers per processor: a tenant waits for the disk as long as it is worked on

Row = tuple[int, CreateRequest | LoomaError]
Create = Callable[[Context, CreateRequest, Look, Placer], Tenant]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one line of ``tenant create --from``."""

    line: int
    name: str
    tenant: Tenant | None
    error: LoomaError | None


class Batch:
    """``create`` creates one tenant. What is not started binds no port, so hosts are looked at once for all of those.
    Each process keeps totals of its own of what is left on hosts, and reads again what others placed where it places."""

    def __init__(self, context: Context, create: Create, rows: Iterable[Row]) -> None:
        self._context = context
        self._create = create
        self._rows = list(rows)
        self._look = first_look()
        self._placer = Placer(context)

    def run(self, *, start: bool) -> Iterator[BatchResult]:
        """Results in the order of the rows; a bad row is reported and the next one tried.

        What is only allocated and rendered is shared among the processors; starting waits for the engine anyhow. Raises Cancelled after
        Ctrl-C, once the tenants under way are done.
        """
        alone = start or self._context.workers is None or self._context.workers.count < 2 or len(self._rows) < WORTH_IT
        first = len(self._rows) if alone else HERE_FIRST
        yield from self._here(range(first))
        yield from self._shared(deque(range(first, len(self._rows))))

    def _here(self, numbers: Iterable[int]) -> Iterator[BatchResult]:
        for number in numbers:
            self._end_if_asked(number)
            yield self._made(self._context, number)

    def _made(self, context: Context, number: int) -> BatchResult:
        line, row = self._rows[number]
        if isinstance(row, LoomaError):
            return BatchResult(line, "", None, row)
        try:
            return BatchResult(line, row.name, self._create(context, row, self._look, self._placer), None)
        except Cancelled:
            raise
        except LoomaError as error:
            return BatchResult(line, row.name, None, error)

    def _end_if_asked(self, done: int) -> None:
        if self._context.stop_requested():
            left = len(self._rows) - done
            raise Cancelled(f"interrupted; {left} of {len(self._rows)} lines are left", "run the same command again: it goes on with them")

    # shared among processes
    def _shared(self, waiting: deque[int]) -> Iterator[BatchResult]:
        if not waiting or self._context.workers is None:
            return
        following = waiting[0]
        done: dict[int, BatchResult] = {}
        under_way: set[int] = set()
        with self._context.workers.at_work(self._work, min(AT_ONCE * self._context.workers.count, len(waiting))) as crew:
            while (waiting and crew.alive) or under_way:
                if self._context.stop_requested() and not under_way:
                    break
                while waiting and crew.free and not self._context.stop_requested() and self._may_begin(waiting[0], under_way):
                    under_way.add(waiting[0])
                    self._announce(waiting[0])
                    crew.give(waiting.popleft())
                for number, answer in crew.take():
                    under_way.remove(number)
                    done[number] = self._received(number, answer)
                while following in done:
                    yield done.pop(following)
                    following += 1
        yield from self._here(waiting)

    def _may_begin(self, number: int, under_way: set[int]) -> bool:
        """Whatever two rows would quarrel over goes to the first of them, as it would one after the other."""
        mine = self._claims(number)
        return not under_way or not any(mine & others or None in mine | others for others in map(self._claims, under_way))

    def _claims(self, number: int) -> set[str | None]:
        """Names that one row alone can have; None for one that wants to be alone."""
        row = self._rows[number][1]
        if isinstance(row, LoomaError):
            return set()
        claims: set[str | None] = {f"tenant {row.name}"}
        claims |= {f"hostname {row.hostname}"} if row.hostname else set()
        return claims | {None} if row.ports == "canonical" else claims

    def _announce(self, number: int) -> None:
        row = self._rows[number][1]
        if not isinstance(row, LoomaError):
            self._context.reporter.note(f"{row.name}: creating")

    def _work(self, number: int) -> tuple[BatchResult, Sequence[tuple[str, str]]]:
        """In a worker. What is said there is said again by the parent."""
        said = _Said()
        context = replace(self._context, reporter=said)
        try:
            return self._made(context, number), said.texts
        except Exception as error:  # noqa: BLE001  a defect met by one row is that row's
            line, row = self._rows[number]
            failure = OperationFailed(f"{type(error).__name__}: {error}", "see --debug")
            return BatchResult(line, getattr(row, "name", ""), None, failure), said.texts

    def _received(self, number: int, answer: tuple[BatchResult, Sequence[tuple[str, str]]] | None) -> BatchResult:
        if answer is None:
            line, row = self._rows[number]
            lost = OperationFailed("the process that created it was killed", "looma operation list shows what it left to be resumed")
            return BatchResult(line, getattr(row, "name", ""), None, lost)
        result, texts = answer
        for how, text in texts:
            getattr(self._context.reporter, how)(text)
        return result


class _Said(SilentReporter):
    """Keeps what a person should read."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def note(self, text: str) -> None:
        self.texts.append(("note", text))

    def warn(self, text: str) -> None:
        self.texts.append(("warn", text))
