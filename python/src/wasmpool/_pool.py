"""What executors have in common: a connection that is made again where it is gone, and an end that leaves nothing."""

from __future__ import annotations

import atexit
import concurrent.futures
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

from . import _frames
from ._connection import LIVE, Connection
from ._progress import Progress, reporter
from ._stream import AHEAD, BLOCK, Source, Stream

#: The interpreter ends, so nothing new is begun.
_over = False
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


class Pool(concurrent.futures.Executor):
    """An executor over a `wpool serve` process."""

    def __init__(self, settings: dict[str, Any], program: bytes = b"") -> None:
        self._settings, self._program = settings, program
        self._lock = threading.Lock()
        self._shutdown = False
        self._connection: Connection | None = None
        _pools.add(self)

    def _connected(self) -> Connection:
        """The connection, or another one where it has ended or belongs to the process that was forked. The caller unpins it."""
        with self._lock:
            if _over:
                raise RuntimeError("cannot schedule new futures after interpreter shutdown")
            if self._shutdown:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._connection is None or self._connection.dead:
                self._connection = self._opened(self._settings)
                self._begun(self._connection)
            return self._connection.pin()

    def _opened(self, settings: dict[str, Any]) -> Connection:
        connection = Connection(settings, self._program)
        connection.open()
        # Not `self`: an executor that nobody has any more lets its server finish and end.
        weakref.finalize(self, connection.end, _frames.DRAIN).atexit = False
        return connection

    def _forget(self) -> None:
        """In a child of this process: connections belong to the parent, and nobody lets go of a lock."""
        self._lock = threading.Lock()
        self._connection = None

    def _begun(self, connection: Connection) -> None:
        """Notes what is new with a connection."""

    def _outcomes(
        self,
        source: Source,
        rows: Iterator[Any],
        total: int | None,
        *,
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        return_exceptions: bool = False,
        progress: Progress = False,
    ) -> Iterator[Any]:
        """What `map` gives."""
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        if chunksize is not None and chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        until = None if timeout is None else time.monotonic() + timeout
        stream = Stream(source, rows, AHEAD if buffersize is None else buffersize, chunksize or BLOCK)
        # Tasks begin with the call, as those of other executors do.
        stream.feed()
        return _values(stream, until, return_exceptions, reporter(progress, total))

    def stats(self) -> dict[str, Any]:
        """Counters of the pool, and its running tasks."""
        connection = self._connection
        return connection.stats() if connection is not None and not connection.dead else {}

    @property
    def info(self) -> dict[str, Any]:
        """What the server says about the program: its convention, the workers, the version of wpool."""
        return dict(self._connection.info) if self._connection else {}

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Lets all tasks finish, or with `cancel_futures` only those that run, and then ends the workers."""
        self._stop(_frames.CANCEL_WAITING if cancel_futures else _frames.DRAIN, wait)

    def kill(self) -> None:
        """Ends everything at once: running tasks end as `TaskKilled`, others are cancelled."""
        self._stop(_frames.KILL, True)

    def _stop(self, how: int, wait: bool) -> None:
        self._shutdown = True
        connection = self._connection
        if connection is None:
            return
        connection.end(how)
        if wait:
            try:
                connection.join()
            except BaseException:
                # Ctrl-C while it waits: nothing is to be left.
                connection.kill()
                raise

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        # Ctrl-C and the like do not wait for what nobody wants any more.
        if kind is not None and not issubclass(kind, Exception):
            self.kill()
        else:
            self.shutdown(wait=True)


def length(iterables: tuple[Iterable[Any], ...]) -> int | None:
    lengths = [len(one) for one in iterables if isinstance(one, Sized)]
    return min(lengths, default=0) if len(lengths) == len(iterables) else None


def _values(
    stream: Stream, until: float | None, return_exceptions: bool, report: Callable[[int], None] | None
) -> Iterator[Any]:
    try:
        yield from stream.values(until, return_exceptions, report)
    finally:
        stream.close()
        if report is not None:
            report(-1)


def _at_exit() -> None:
    global _over
    _over = True
    # An interrupted program does not wait for its tasks.
    interrupted = getattr(sys, "last_type", None)
    how = _frames.KILL if interrupted is not None and issubclass(interrupted, KeyboardInterrupt) else _frames.DRAIN
    open_ones = list(LIVE)
    for connection in open_ones:
        connection.end(how)
    for connection in open_ones:
        connection.join()


# Before the interpreter waits for threads, as concurrent.futures does it. Other interpreters have only `atexit`.
getattr(threading, "_register_atexit", atexit.register)(_at_exit)


def _after_fork() -> None:
    for executor in list(_pools):
        executor._forget()


os.register_at_fork(after_in_child=_after_fork)

__all__ = ["Pool"]
