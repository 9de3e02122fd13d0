"""Results of `Executor.map`: lazily, in order, and with a bounded number of rows ahead."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from . import _frames, _values
from ._connection import Connection
from ._future import Ended

#: Rows that are ahead of the results, unless `buffersize` says another number: as many as the server gives credit for.
AHEAD = 4096
#: Bytes of rows that are ahead.
AHEAD_BYTES = 32 << 20
#: Rows that are made before they are sent.
BLOCK = 512
#: Seconds after which the rows that are made are sent in any case.
PATIENCE = 0.002


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
        # By the numbers that the connection gives. Rows were bytes, or values; their sizes are what is ahead.
        self._order: list[int] = []
        self._place = 0
        self._given: dict[int, tuple[bool, int]] = {}
        self._ahead_bytes = 0
        self._ended: dict[int, Ended] = {}
        self._bell = threading.Event()
        self._lost: BaseException | None = None
        self.submitted = 0
        self.done = 0

    # What the reader calls.

    def _settle(self, ended: Ended, task: int) -> None:
        self._ended[task] = ended

    def _ring(self) -> None:
        self._bell.set()

    def _lose(self, error: BaseException) -> None:
        self._lost = error
        self._bell.set()

    # What the caller calls.

    def feed(self) -> bool:
        """Submits some rows, if there are any and there is room. Whether it did."""
        open_rows = len(self._order) - self._place
        if self._rows is None or open_rows >= self._ahead or self._ahead_bytes >= AHEAD_BYTES:
            return False
        if self._connection.is_over():
            raise RuntimeError("cannot schedule new futures after shutdown: not all rows of the map were taken before")
        most = min(self._block, self._ahead - open_rows)
        block: list[bytes] = []
        given: list[tuple[bool, int]] = []
        until = time.monotonic() + PATIENCE
        try:
            for value in self._rows:
                row, was_bytes = _values.row(value)
                if len(row) > _frames.MAX_ROW:
                    raise ValueError(f"a row has {len(row)} bytes, more than {_frames.MAX_ROW}")
                block.append(row)
                given.append((was_bytes, len(row)))
                self._ahead_bytes += len(row)
                if len(block) >= most or self._ahead_bytes >= AHEAD_BYTES or time.monotonic() > until:
                    break
            else:
                self._rows = None
        finally:
            # Also the rows before one that fails.
            if block:
                first = self._connection.submit_rows(self, block, self._function)
                numbers = range(first, first + len(block))
                self._order += numbers
                self._given.update(zip(numbers, given, strict=True))
                self.submitted += len(block)
        return bool(block)

    def next(self, until: float | None) -> Ended | None:
        """The end of the next task; `None` after the last."""
        while True:
            while self._place < len(self._order) and self._order[self._place] not in self._ended:
                if self._lost is not None:
                    raise self._lost
                if not self.feed():
                    self._wait(until)
            if self._place < len(self._order):
                break
            if not self.feed():
                return None
        task = self._order[self._place]
        self._place += 1
        if self._place >= 65536:
            del self._order[: self._place]
            self._place = 0
        elif self._place % 256 == 0:
            # Before the workers have nothing left.
            self.feed()
        ended = self._ended.pop(task)
        self.done += 1
        return ended

    def value(self, ended: Ended) -> Any:
        was_bytes, size = self._given.pop(ended._numbers[0])
        self._ahead_bytes -= size
        if ended._numbers[1] == 0:
            return _values.output(ended.output, self._how, was_bytes)
        return ended.failure()

    def _wait(self, until: float | None) -> None:
        task = self._order[self._place]
        self._bell.clear()
        if task in self._ended or self._lost is not None:
            return
        left = None if until is None else until - time.monotonic()
        if (left is not None and left <= 0) or not self._bell.wait(left):
            raise TimeoutError("the results did not come in time")

    def close(self) -> None:
        """Cancels what is left."""
        self._rows = None
        left = [task for task in self._order[self._place :] if task not in self._ended]
        if left and not self._connection.is_over():
            self._connection.cancel_all(left)
        self._place = len(self._order)
