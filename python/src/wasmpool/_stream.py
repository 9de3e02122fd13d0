"""Results of `Executor.map`: lazily, in order, and with a bounded number of rows ahead.

A row costs as little Python as possible: it is packed where it is taken from the iterable, its result is kept as it came,
and becomes a value where the caller takes it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from . import _frames
from ._connection import NUMBERS, Connection, Rows
from ._connection import PATIENCE as WAIT
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


class Source(Protocol):
    """Where the rows of a stream go."""

    def begin(self) -> tuple[Connection, Callable[[Any], tuple[bytes, bool]], int]:
        """A connection that stays until it is unpinned, how a value becomes a row there, and the function."""
        ...

    def read(self, output: bytes, was_bytes: bool, /) -> Any:
        """The value of an output. Raises what the output says."""
        ...

    def failure(self, ended: Ended, /) -> Exception:
        """What a task that is not ok raises."""
        ...


class Stream:
    """The rows of one call of `map`, and their results."""

    def __init__(
        self,
        source: Source,
        rows: Iterator[Any],
        ahead: int,
        block: int,
    ) -> None:
        self._source = source
        self._rows: Iterator[Any] | None = rows
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
        # Numbers of tasks: for each lease its connection, the place of its first row, and the number of that.
        self._leases: list[tuple[Connection, int, int]] = []
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
        connection, make, function = self._source.begin()
        try:
            if connection.is_over():
                raise RuntimeError(
                    "cannot schedule new futures after shutdown: not all rows of the map were taken before"
                )
            if not self._numbers or self._leases[-1][0] is not connection:
                self._numbers = connection.lease(self, self._taken)
                self._leases.append((connection, self._taken, self._numbers.start))
            pieces: list[bytes] = []
            try:
                self._collect(min(self._block, room, len(self._numbers)), pieces, make, function)
            finally:
                # Also the rows before one that fails.
                if pieces:
                    count = len(pieces) // 2
                    self._taken += count
                    self._numbers = self._numbers[count:]
                    connection.submit_rows(Rows(self, pieces))
        finally:
            connection.unpin()
        return bool(pieces)

    def _collect(
        self, most: int, pieces: list[bytes], make: Callable[[Any], tuple[bytes, bool]], function: int
    ) -> None:
        """Takes rows from the iterable, and packs them."""
        rows, numbers = self._rows, iter(self._numbers)
        pack, clock, note = _frames.TASK.pack, time.monotonic, self._open.append
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
        ended, opened = self._ended, self._open
        while (place := self._await(until)) is not None:
            # All that are there, without a look at anything else.
            while (found := ended.pop(place, None)) is not None:
                place += 1
                size = opened.popleft()
                was_bytes = size < 0
                self._open_bytes -= ~size if was_bytes else size
                if report is not None:
                    report(place)
                # Nothing here holds the value, which may be large.
                yield self._value(found, was_bytes, return_exceptions)
                if place % STEP == 0:
                    self.feed()

    def _value(self, found: bytes | Ended, was_bytes: bool, return_exceptions: bool) -> Any:
        try:
            if isinstance(found, Ended):
                raise self._source.failure(found)
            return self._source.read(found, was_bytes)
        except Exception as error:
            if return_exceptions:
                return error.with_traceback(None)
            raise

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
        while True:
            left = WAIT if until is None else min(WAIT, until - time.monotonic())
            if left > 0 and self._bell.acquire(timeout=left):
                return
            if until is not None and left <= 0:
                raise TimeoutError("the results did not come in time")

    def close(self) -> None:
        """Cancels what is left."""
        self._rows = None
        places = range(self._taken - len(self._open), self._taken)
        self._open.clear()
        left = [place for place in places if place not in self._ended]
        self._ended.clear()
        end = self._taken
        for connection, begin, first in reversed(self._leases):
            connection.give_back([first // NUMBERS])
            numbers = [first + place - begin for place in left if begin <= place < end]
            if numbers and not connection.is_over():
                connection.cancel_all(numbers)
            end = begin
