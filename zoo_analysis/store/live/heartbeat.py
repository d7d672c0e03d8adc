"""A run that lives tells of itself, and what it takes no other run begins."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

from zoo_analysis.errors import StoreError
from zoo_analysis.store.live.run_state import BEAT, FOLDER, SILENT, RunState, Told, told_of
from zoo_analysis.store.live.small_files import SmallFiles
from zoo_analysis.store.tables import Location

#: Seconds at the beginning in which others are looked for before anything is taken, and later ones
#: between two looks while there are none.
_WARY: Final = 10.0
#: Seconds between looks at a run that asks for the same, and until it must have made up its mind.
_LOOK, _DECIDED = 0.05, 2.0
#: Seconds after which it is told what was taken.
_TOLD: Final = 1.0


@dataclass
class _Heard:
    """The last beat of another run, and when it was heard by this process' own clock."""

    beat: int
    at: float


class Heartbeat:
    """A run's sign of life, and its claims on what it does.

    Told of every `BEAT` seconds in a file of the store. Whether others live is judged by their
    process, where it is one of this machine, and else by whether their file goes on changing: no
    two clocks are compared.

    What two runs both want one of them takes. Each asks in its file before it looks at the other's,
    so that at least one sees the other; of two that ask at once the older goes first. A run that
    has seen no other for a while takes without asking, and what it took is told with the next beat.

    Args:
        location: of the store.
        state: what the run came to so far, asked at each beat.
        also: done at each beat, with the state.

    Attributes:
        alone: whether no other run has been seen since this one began.
    """

    def __init__(
        self,
        location: Location,
        state: Callable[[], RunState],
        also: Callable[[RunState], None] = lambda state: None,
    ) -> None:
        self._location, self._state, self._also = location, state, also
        self._files = SmallFiles(location, FOLDER)
        self._id = state().scan_id
        self._held: set[str] = set()
        self._asking: set[str] = set()
        self._heard: dict[str, _Heard] = {}
        self._others: dict[str, Told] = {}
        self.alone = True
        self._beat, self._at, self._untold = 0, 0.0, False
        self._end = ""
        self._over, self._lock = threading.Event(), threading.RLock()
        self._thread = threading.Thread(target=self._run, daemon=True, name="heartbeat")

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        self._publish()
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self, unrecorded: str = "") -> None:
        """Stop, and leave nothing behind but an end that is recorded nowhere else.

        Args:
            unrecorded: that end.
        """
        self._over.set()
        self._thread.join()
        if unrecorded:
            self._end = unrecorded
            self._held.clear()
            self._publish()
        else:
            self._files.delete(f"{self._id}.json")

    @property
    def others(self) -> frozenset[str]:
        """The other runs of this store that live, as they were looked for last."""
        return frozenset(self._others)

    def take(self, names: Iterable[str]) -> frozenset[str]:
        """Take models for this run; returns those that no other run holds.

        Args:
            names: the same for what is the same, in whatever run.
        """
        keys = {_key(name): name for name in names}
        with self._lock:
            if not self._others and time.monotonic() - self._start > _WARY:
                won = set(keys)
            else:
                self._asking = set(keys)
                self._publish()
                won = self._settled(set(keys))
                self._asking = set()
            self._held |= won
            self._untold = True
            if self._others:
                self._publish()
        return frozenset(keys[key] for key in won)

    def release(self, names: Iterable[str]) -> None:
        """Give up what is done, or will not be: others look into the store before they begin it."""
        with self._lock:
            self._held.difference_update(map(_key, names))

    def _settled(self, asked: set[str]) -> set[str]:
        """Of what is asked for that which no other run holds, or asked for before."""
        until = time.monotonic() + _DECIDED
        while True:
            self._look()
            for told in self._others.values():
                asked -= told.held
                if told.state.scan_id < self._id:
                    asked -= told.asking
            undecided = [told for told in self._others.values() if asked & told.asking]
            if not undecided:
                return asked
            if time.monotonic() > until:
                return asked.difference(*(told.asking for told in undecided))
            time.sleep(_LOOK)

    def _run(self) -> None:
        while not self._over.wait(_TOLD):
            with self._lock:
                due = time.monotonic() - self._at >= BEAT
                if due or self._untold:
                    self._publish()
                if due:
                    self._look()
            if due:
                self._also(self._state())

    def _publish(self) -> None:
        self._beat, self._at, self._untold = self._beat + 1, time.monotonic(), False
        state = replace(self._state(), beat=self._beat, end=self._end)
        told = Told(state, frozenset(self._held), frozenset(self._asking))
        try:
            self._files.put(f"{self._id}.json", told.encoded())
        except StoreError:
            return  # commits say so, in which it matters; the next beat comes soon

    def _look(self) -> None:
        try:
            told = told_of(self._location)
        except StoreError:
            return
        told.pop(self._id, None)
        self._others = {name: each for name, each in told.items() if self._lives(each.state)}
        self.alone = self.alone and not self._others

    def _lives(self, state: RunState) -> bool:
        now, heard = time.monotonic(), self._heard.get(state.scan_id)
        if heard is None or heard.beat != state.beat:
            heard = self._heard[state.scan_id] = _Heard(state.beat, now)
        gone = state.process.alive() is False or state.end
        return not gone and now - heard.at < SILENT


def _key(name: str) -> str:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
