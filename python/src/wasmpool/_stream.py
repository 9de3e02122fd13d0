"""Results of `Executor.map`: lazily, in order, and with a bounded number of rows ahead.

A row costs as little Python as possible: it is packed where it is taken from the iterable, its result is kept as it came,
and becomes a value where the caller takes it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from . import _frames, _values
from ._connection import NUMBERS, Connection, Rows
from ._future import Ended

#: Rows that are ahead of the results, unless `buffersize` says another number: as many as the server gives credit for.
AHEAD = 4096
#: Bytes of rows that are ahead.
AHEAD_BYTES = 32 << 20
#: Rows that are made before they are sent.
BLOCK = 512
#: Seconds after which the rows that are made are sent in any case.
PATIENCE = 0.002
#: Results after which further rows are made, so that the workers always have some.
STEP = 256


class Stream:
    """The rows of one call of `map`, and their results."""

    def __init__(
        self,
        connection: Connection,
        rows: Iterator[Any],
        how: _values.Output,
        function: int,
        ahead: int,
        block: int,
    ) -> None:
        self._connection = connection
        self._rows: Iterator[Any] | None = rows
        self._how, self._function = how, function
        self._ahead, self._block = ahead, min(block, ahead)
        # Of each row that is ahead: how long it is, or the complement of that if it was given as bytes.
        self._open: deque[int] = deque()
        self._open_bytes = 0
        # By the places of rows: outputs of tasks that are ok, and the ends of others.
        self._ended: dict[int, bytes | Ended] = {}
        self._bell = threading.Lock()
        self._bell.acquire()
        self._lost: BaseException | None = None
        self._taken = 0
        # Numbers of tasks: for each lease the place of its first row, and the number of that.
        self._leases: list[tuple[int, int]] = []
        self._numbers = range(0)

    # What the reader calls.

    def _ring(self) -> None:
        try:
            self._bell.release()
        except RuntimeError:
            # It rings already.
            pass

    def _lose(self, error: BaseException) -> None:
        self._lost = error
        self._ring()

    # What the caller calls.

    def feed(self) -> bool:
        """Submits some rows, if there are any and there is room. Whether it did."""
        room = self._ahead - len(self._open)
        if self._rows is None or room <= 0 or self._open_bytes >= AHEAD_BYTES:
            return False
        if self._connection.is_over():
            raise RuntimeError("cannot schedule new futures after shutdown: not all rows of the map were taken before")
        if not self._numbers:
            self._numbers = self._connection.lease(self, self._taken)
            self._leases.append((self._taken, self._numbers.start))
        pieces: list[bytes] = []
        try:
            self._collect(min(self._block, room, len(self._numbers)), pieces)
        finally:
            # Also the rows before one that fails.
            if pieces:
                count = len(pieces) // 2
                self._taken += count
                self._numbers = self._numbers[count:]
                self._connection.submit_rows(Rows(self, pieces))
        return bool(pieces)

    def _collect(self, most: int, pieces: list[bytes]) -> None:
        """Takes rows from the iterable, and packs them."""
        rows, numbers, function = self._rows, iter(self._numbers), self._function
        pack, make, clock, note = _frames.TASK.pack, _values.row, time.monotonic, self._open.append
        assert rows is not None
        until = clock() + PATIENCE
        for value in rows:
            row, was_bytes = make(value)
            size = len(row)
            if size > _frames.MAX_ROW:
                raise ValueError(f"a row has {size} bytes, more than {_frames.MAX_ROW}")
            pieces += (pack(next(numbers), function, 0, size), row)
            note(~size if was_bytes else size)
            self._open_bytes += size
            most -= 1
            if most <= 0 or self._open_bytes >= AHEAD_BYTES or clock() > until:
                return
        self._rows = None

    def values(
        self, until: float | None, return_exceptions: bool, report: Callable[[int], None] | None
    ) -> Iterator[Any]:
        """The outputs in the order of the rows, as values."""
        ended, opened, how = self._ended, self._open, self._how
        read, failure = _values.output, None
        while (place := self._await(until)) is not None:
            # All that are there, without a look at anything else.
            while (found := ended.pop(place, None)) is not None:
                place += 1
                size = opened.popleft()
                was_bytes = size < 0
                self._open_bytes -= ~size if was_bytes else size
                if report is not None:
                    report(place)
                if type(found) is bytes:
                    yield read(found, how, was_bytes)
                else:
                    failure = found.failure()
                    if not return_exceptions:
                        raise failure
                    yield failure
                if place % STEP == 0:
                    self.feed()

    def _await(self, until: float | None) -> int | None:
        """The place of the next result, when it is there; `None` after the last."""
        while True:
            place = self._taken - len(self._open)
            if place in self._ended:
                return place
            if self._lost is not None and self._open:
                raise self._lost
            if self.feed():
                continue
            if not self._open:
                return None
            self._wait(until)

    def _wait(self, until: float | None) -> None:
        left = -1 if until is None else until - time.monotonic()
        if (until is not None and left <= 0) or not self._bell.acquire(timeout=left):
            raise TimeoutError("the results did not come in time")

    def close(self) -> None:
        """Cancels what is left."""
        self._rows = None
        places = range(self._taken - len(self._open), self._taken)
        self._open.clear()
        left = [self._number(place) for place in places if place not in self._ended]
        self._ended.clear()
        self._connection.give_back([first // NUMBERS for _, first in self._leases])
        if left and not self._connection.is_over():
            self._connection.cancel_all(left)

    def _number(self, place: int) -> int:
        begin, first = next(lease for lease in reversed(self._leases) if lease[0] <= place)
        return first + place - begin
