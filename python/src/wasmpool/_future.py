"""Futures of tasks."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures._base import PENDING
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _frames
from ._errors import OF_STATUS, TaskFailed

if TYPE_CHECKING:
    from ._connection import Connection


@dataclass(frozen=True, slots=True)
class Receipt:
    """Facts about the run of a task. Times are in seconds, sizes in bytes. The last five are there with `receipts=True`."""

    #: The layer that ended it: `guest`, `epoch`, `kill`, …
    layer: str
    attempts: int
    worker: int | None
    wall: float
    wait: float
    #: The statuses of earlier attempts.
    retried: tuple[str, ...] = ()
    cpu: float | None = None
    start: float | None = None
    peak_memory: int | None = None
    fuel: int | None = None
    stderr: str | None = None


class Ended:
    """The end of a task as the server reports it."""

    __slots__ = ("_head", "_detail", "_names", "output")

    def __init__(self, body: bytes, at: int, output: bytes, last: int, names: Names) -> None:
        """The output is that of the result in a frame's body from `at` to `last`."""
        middle = at + _frames.RESULT.size
        self._head, self._detail = body[at:middle], body[middle + len(output) : last]
        self.output, self._names = output, names

    @property
    def _numbers(self) -> tuple[int, ...]:
        return _frames.RESULT.unpack(self._head)

    @property
    def is_ok(self) -> bool:
        return self._head[_frames.STATUS_AT] == 0

    @property
    def status(self) -> str:
        return self._names.status(self._head[_frames.STATUS_AT])

    def _details(self) -> dict[str, Any]:
        return json.loads(self._detail) if self._detail else {}

    def failure(self) -> TaskFailed:
        status = self.status
        output = self.output if self._numbers[3] else None
        details = self._details()
        truncated = bool(details.get("truncated"))
        return OF_STATUS.get(status, TaskFailed)(status, details.get("error"), output, truncated)

    def receipt(self) -> Receipt:
        _, _, layer, _, attempts, worker, wall, wait, _, _ = self._numbers
        details = self._details()
        micros = {name: details[key] / 1e6 for name, key in (("cpu", "cpu_us"), ("start", "start_us")) if key in details}
        rest = {name: details[name] for name in ("peak_memory", "fuel", "stderr") if name in details}
        return Receipt(
            layer=self._names.layer(layer),
            attempts=attempts,
            worker=None if worker == 0xFFFFFFFF else worker,
            wall=wall / 1e9,
            wait=wait / 1e9,
            retried=tuple(details.get("retried", ())),
            **micros,
            **rest,
        )


class Names:
    """The words behind the numbers of results, as the server has named them."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self._statuses: list[str] = ready["statuses"]
        self._layers: list[str] = ready["layers"]

    def status(self, number: int) -> str:
        return self._statuses[number] if number < len(self._statuses) else f"status {number}"

    def layer(self, number: int) -> str:
        return self._layers[number] if number < len(self._layers) else f"layer {number}"


class TaskFuture(Future[Any]):
    """The future of a task: a `concurrent.futures.Future` that can stop its task, and has a receipt of it."""

    def __init__(
        self, row: bytes, was_bytes: bool, read: Callable[[bytes, bool], Any], function: int, timeout: float | None
    ) -> None:
        super().__init__()
        self._id = -1
        self._row: bytes | None = row
        self._was_bytes = was_bytes
        # Makes a value of the output, or raises what the output says.
        self._read = read
        self._function = function
        self._micros = 0 if timeout is None else max(1, round(timeout * 1e6))
        self._connection: Connection | None = None
        self._ended: Ended | None = None
        # Set by the writer under the condition: from then on the server decides.
        self._sent = False

    @property
    def receipt(self) -> Receipt | None:
        """The times, the worker and the memory of the task, once a worker has ended it."""
        return self._ended.receipt() if self._ended else None

    def cancel(self) -> bool:
        """Cancels the task unless a worker runs it. True if it will not run any more."""
        with self._condition:
            sent = self._sent and self._state == PENDING
        if not sent:
            return super().cancel()
        connection = self._connection
        if connection is not None and connection.cancel(self._id, running=False):
            # Its result follows, and would do the same.
            return super().cancel() or self.cancelled()
        return self.cancelled()

    def kill(self) -> bool:
        """Stops the task wherever it is. A running task ends as `TaskKilled`; its worker is replaced, and no other task
        is harmed. False if it had ended already."""
        with self._condition:
            sent = self._sent and self._state == PENDING
        if not sent:
            return super().cancel()
        connection = self._connection
        return connection is not None and connection.cancel(self._id, running=True)

    def running(self) -> bool:
        """Whether a worker runs the task now."""
        with self._condition:
            sent = self._sent and self._state == PENDING
        connection = self._connection
        if not sent or connection is None:
            return super().running()
        return connection.is_running(self._id) and not self.done()

    # What the connection calls.

    def _begin(self) -> bytes | None:
        """The row, when it is to be sent now; `None` if the task was cancelled."""
        with self._condition:
            if self._state == PENDING:
                self._sent = True
                row, self._row = self._row, None
                return row
        self.set_running_or_notify_cancel()
        return None

    def _failure(self, ended: Ended) -> Exception:
        return ended.failure()

    def _settle(self, ended: Ended) -> None:
        self._ended = ended
        self._connection = None
        if self.cancelled():
            return
        if ended.is_ok:
            try:
                value = self._read(ended.output, self._was_bytes)
            except Exception as error:
                self.set_exception(error.with_traceback(None))
            else:
                self.set_result(value)
        elif ended.status == "skipped":
            super().cancel()
            self.set_running_or_notify_cancel()
        else:
            self.set_exception(self._failure(ended))

    def _lose(self, error: BaseException) -> None:
        """The server is gone."""
        self._connection = None
        with self._condition:
            lost = self._state == PENDING
        if lost:
            self.set_exception(error)
