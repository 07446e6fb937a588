"""Who follows whom among the fake datastores; all of it outlives the looma that began it, as servers do."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from looma_cli.errors import ReplicationFailed
from tests.fakes.daemon import FakeContainer

HINT = "looma tenant logs says more"


@dataclass
class FakeReplication:
    """Knobs, by component: ``obstacles`` says why one cannot follow; ``failing`` fail half-way through seeding; ``lagging`` counts how many
    times ``reached`` says no, and until then nothing comes over; ``broken`` have stopped following, with this as the server's reason.

    The rest by volume: ``leaders`` of those that follow, ``seeding`` those whose copy was begun, ``prepared`` leaders that keep something
    for followers (an account, a slot) until they are dismissed.
    """

    obstacles: dict[str, str] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    lagging: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    leaders: dict[str, str] = field(default_factory=dict)
    seeding: set[str] = field(default_factory=set)
    prepared: set[str] = field(default_factory=set)
    _names: dict[str, str] = field(default_factory=dict)  # follower -> component
    _applied: dict[str, int] = field(default_factory=dict)  # follower -> number of its leader's log
    _logs: dict[str, tuple[int, str]] = field(default_factory=dict)  # leader -> (number, digest) of the last position that was told

    def copied(self) -> FakeReplication:
        return copy.deepcopy(self)

    def forget(self, volume: str) -> None:
        """It was removed."""
        for held in (self.leaders, self._names, self._applied, self._logs):
            held.pop(volume, None)
        self.seeding.discard(volume)
        self.prepared.discard(volume)

    def read_only(self, volume: str) -> bool:
        """For clients."""
        return volume in self.leaders or volume in self.seeding

    def start(self, name: str, follower: FakeContainer, leader: FakeContainer, address: str, relayed: bool = False) -> None:
        """Raises ReplicationFailed unless the one container reaches the other, which runs, under that name: by itself or ``relayed``."""
        if leader.name != address or not (relayed or follower.networks & leader.networks) or leader.state != "running":
            raise ReplicationFailed(f"{name} cannot follow {address}: Unknown server host", HINT)

    def half(self, volume: str, leader: str) -> None:
        """The copy is begun: what an interrupted looma leaves behind."""
        self.leaders.pop(volume, None)
        self._applied.pop(volume, None)
        self.seeding.add(volume)
        self.prepared.add(leader)

    def begin(self, volume: str, leader: str, name: str, end: int) -> None:
        """The copy is whole, up to the leader's ``end``. Raises ReplicationFailed for one that fails."""
        if name in self.failing:
            raise ReplicationFailed(f"{name}: the copy broke off", HINT)
        self.seeding.discard(volume)
        self.leaders[volume] = leader
        self._names[volume] = name
        self._applied[volume] = end

    def source(self, volume: str) -> str | None:
        """The volume whose data comes over just now."""
        name = self._names.get(volume, "")
        return None if self.lagging.get(name) or name in self.broken else self.leaders.get(volume)

    def came_over(self, volume: str, end: int) -> None:
        self._applied[volume] = end

    def end(self, volume: str, digest: str) -> int:
        """Number of the last entry in a log that has one more for each change that was seen, and none without."""
        number, before = self._logs.get(volume, (0, ""))
        self._logs[volume] = (number + (digest != before), digest)
        return self._logs[volume][0]

    def waited(self, name: str) -> bool:
        """Whether a poll finds it lagging; one less is left then."""
        left = self.lagging.get(name, 0)
        self.lagging[name] = max(left - 1, 0)
        return left > 0

    def reached(self, name: str, volume: str, position: int) -> bool:
        """Raises ReplicationFailed where waiting is of no use."""
        there = self._applied.get(volume, 0) >= position
        if name in self.broken or not (there or volume in self.leaders):
            raise ReplicationFailed(f"{name} follows no more: {self.broken.get(name, 'it follows nobody')}", HINT)
        return there

    def promote(self, volume: str) -> None:
        self.leaders.pop(volume, None)
        self.seeding.discard(volume)
