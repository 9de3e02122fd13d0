"""The executor."""

from __future__ import annotations

import atexit
import concurrent.futures
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from . import _frames, _values
from ._connection import LIVE, Connection
from ._errors import TaskFailed
from ._future import TaskFuture
from ._progress import Progress, reporter
from ._settings import settings
from ._stream import AHEAD, BLOCK, Stream

#: The interpreter ends, so nothing new is begun.
_over = False
_executors: weakref.WeakSet[Executor] = weakref.WeakSet()


class Executor(concurrent.futures.Executor):
    """Runs a WebAssembly program over rows, each in a sandbox of its own.

    `program` is a path, or the bytes of a program. A row is bytes, which the program gets as they are, or any value that JSON
    has. An output comes back as the row was given: as bytes, or as the JSON value that it is (or its text, if it is not JSON).

    The workers are processes of the machine, so no lock of this interpreter is held while tasks run. They start with
    the executor, in whatever process or thread uses it; a fork gets workers of its own.

    - `max_workers`: worker processes; by default as many as there are processors.
    - `timeout`: seconds that a task may run. It then ends as `TaskTimeout`.
    - `memory`, `max_output`: bytes that a task may use and give, or a text such as `64MiB`.
    - `retries`: how often a task runs again that is not ok.
    - `isolation`: `auto`, `fresh`, `reset`, `reuse`, `reuse=N` or `reuse=checked`.
    - `init_arg`: the argument of the program's `init`, once for all tasks: bytes, or a JSON value.
    - `call`: the function to call, for a program that exports several.
    - `args`, `env`, `dirs`: arguments, variables and directories of the program. It has no others.
    - `fuel`, `deterministic`: the work that a task may do; outputs that depend on program and row alone (a number is the seed).
    - `receipts`: measure the memory and processor time of each task, for `future.receipt`.
    - `output`: `auto`, `json`, `text` or `bytes`.
    - `rows`: `json` rejects rows that are not JSON, `bytes` passes anything; `auto` is what the program needs.
    """

    def __init__(
        self,
        program: str | os.PathLike[str] | bytes,
        *,
        max_workers: int | None = None,
        timeout: float | None = None,
        memory: int | str | None = None,
        max_output: int | str | None = None,
        retries: int = 0,
        isolation: str = "auto",
        init_arg: Any = None,
        call: str | None = None,
        alloc: str | None = None,
        args: Iterable[str] = (),
        env: Mapping[str, str] | None = None,
        dirs: Iterable[str | tuple[str | os.PathLike[str], ...]] = (),
        scratch: str | tuple[str, int | str] | None = None,
        fuel: int | None = None,
        deterministic: bool | int = False,
        receipts: bool = False,
        output: _values.Output = "auto",
        rows: str = "auto",
    ) -> None:
        if output not in _values.OUTPUTS:
            raise ValueError(f"output must be one of {', '.join(_values.OUTPUTS)}, not {output!r}")
        self._settings = settings(
            max_workers=max_workers,
            timeout=timeout,
            memory=memory,
            max_output=max_output,
            retries=retries,
            isolation=isolation,
            init_arg=init_arg,
            call=call,
            alloc=alloc,
            args=args,
            env=env,
            dirs=dirs,
            scratch=scratch,
            fuel=fuel,
            deterministic=deterministic,
            receipts=receipts,
            rows=rows,
        )
        self._program = b""
        if isinstance(program, (bytes, bytearray)):
            self._program = bytes(program)
        else:
            self._settings["program"] = os.path.abspath(program)
        self._output = output
        self._lock = threading.Lock()
        self._shutdown = False
        self._functions: dict[str, int] = {}
        self._connection: Connection | None = None
        _executors.add(self)
        self._connected()

    def _connected(self) -> Connection:
        """The connection, or another one where it has ended or belongs to the process that was forked."""
        with self._lock:
            if _over:
                raise RuntimeError("cannot schedule new futures after interpreter shutdown")
            if self._shutdown:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._connection is None or self._connection.dead:
                connection = Connection(self._settings, self._program)
                connection.open()
                self._functions = {}
                self._connection = connection
                # Not `self`: an executor that nobody has any more lets its server finish and end.
                weakref.finalize(self, connection.end, _frames.DRAIN).atexit = False
            return self._connection

    def _function(self, connection: Connection, name: str | None) -> int:
        if name is None:
            return 0
        with self._lock:
            key = self._functions.get(name)
            if key is None:
                key = len(self._functions) + 1
                connection.register(key, name)
                self._functions[name] = key
            return key

    def submit(  # type: ignore[override]
        self, row: Any, /, *, function: str | None = None, timeout: float | None = None
    ) -> TaskFuture:
        """Runs the program with a row. `function` is another function of the program, and `timeout` a time of this
        task alone."""
        data, was_bytes = _values.row(row)
        if len(data) > _frames.MAX_ROW:
            raise ValueError(f"the row has {len(data)} bytes, more than {_frames.MAX_ROW}")
        connection = self._connected()
        key = self._function(connection, function)
        future = TaskFuture(data, was_bytes, self._output, key, timeout)
        connection.submit(future)
        return future

    def map(  # type: ignore[override]
        self,
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        function: str | None = None,
        return_exceptions: bool = False,
        progress: Progress = False,
    ) -> Iterator[Any]:
        """The outputs of the rows of an iterable, in its order. Several iterables are zipped into rows that are arrays, for a
        function of several parameters.

        At most `buffersize` rows are ahead of the results, so an endless iterable is fine. A task that is not ok is
        raised at its place, or stands there with `return_exceptions`. `timeout` is for the whole. `chunksize` is the most rows
        that are sent together; wpool finds a good number itself. `progress` is true for a bar of tqdm, or a function that is
        called with the number of results and of all rows (`None` if it is not known)."""
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        if chunksize is not None and chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if not iterables:
            raise TypeError("map() needs at least one iterable of rows")
        until = None if timeout is None else time.monotonic() + timeout
        rows = iter(iterables[0]) if len(iterables) == 1 else map(list, zip(*iterables))
        connection = self._connected()
        ahead = AHEAD if buffersize is None else buffersize
        key = self._function(connection, function)
        stream = Stream(connection, rows, self._output, key, ahead, chunksize or BLOCK)
        # Tasks begin with the call, as those of other executors do.
        stream.feed()
        total = _length(iterables)
        return _outcomes(stream, until, return_exceptions, reporter(progress, total))

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


def _length(iterables: tuple[Iterable[Any], ...]) -> int | None:
    lengths = [len(one) for one in iterables if hasattr(one, "__len__")]
    return min(lengths) if len(lengths) == len(iterables) else None


def _outcomes(
    stream: Stream, until: float | None, return_exceptions: bool, report: Callable[[int], None] | None
) -> Iterator[Any]:
    try:
        while (ended := stream.next(until)) is not None:
            value = stream.value(ended)
            if report is not None:
                report(stream.done)
            if isinstance(value, TaskFailed) and not return_exceptions:
                raise value
            yield value
    finally:
        stream.close()
        if report is not None:
            report(-1)


def run(
    program: str | os.PathLike[str] | bytes, rows: Iterable[Any], *, progress: Progress = False,
    return_exceptions: bool = False, **limits: Any
) -> Iterator[Any]:
    """The outputs of a program for rows, in their order. The keyword arguments are those of `Executor`."""
    with Executor(program, **limits) as executor:
        yield from executor.map(rows, progress=progress, return_exceptions=return_exceptions)


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
    for executor in list(_executors):
        executor._lock = threading.Lock()
        executor._connection = None


os.register_at_fork(after_in_child=_after_fork)

__all__ = ["Executor", "run"]
