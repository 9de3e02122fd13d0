"""The executor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from . import _frames, _values
from ._connection import Connection
from ._future import Ended, TaskFuture
from ._pool import Pool, length
from ._progress import Progress
from ._settings import settings


class _Program:
    """Where the rows of a map go."""

    def __init__(self, connection: Connection, function: int, read: Callable[[bytes, bool], Any]) -> None:
        self._connection, self._function = connection, function
        self.read, self.failure = read, Ended.failure

    def begin(self) -> tuple[Connection, Callable[[Any], tuple[bytes, bool]], int]:
        return self._connection.pin(), _values.row, self._function


class Executor(Pool):
    """Runs a WebAssembly program over rows, each in a sandbox of its own.

    `program` is a path, or the bytes of a program. A row is bytes, which the program gets as they are, or any value that JSON
    has. An output comes back as the row was given: as bytes, or as the JSON value that it is (or its text, if it is not JSON).

    The workers are processes of the machine, so no lock of this interpreter is held while tasks run. They start with
    the executor, in whatever process or thread uses it; a fork gets workers of its own.

    - `max_workers`: worker processes; by default as many as there are processors.
    - `timeout`: seconds that a task may run. It then ends as `TaskTimeout`. `cpu_time`: the same for processor time, which a
      busy machine does not use up.
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
        cpu_time: float | None = None,
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
        if output not in _values.READERS:
            raise ValueError(f"output must be one of {', '.join(_values.READERS)}, not {output!r}")
        known = settings(
            max_workers=max_workers,
            timeout=timeout,
            cpu_time=cpu_time,
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
        self._read = _values.READERS[output]
        self._functions: dict[str, int] = {}
        if isinstance(program, (bytes, bytearray)):
            super().__init__(known, bytes(program))
        else:
            super().__init__(known | {"program": os.path.abspath(program)})
        self._connected().unpin()

    def _begun(self, connection: Connection) -> None:
        self._functions = {}

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
        try:
            future = TaskFuture(data, was_bytes, self._read, self._function(connection, function), timeout)
            connection.submit(future)
        finally:
            connection.unpin()
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
        if not iterables:
            raise TypeError("map() needs at least one iterable of rows")
        rows = iter(iterables[0]) if len(iterables) == 1 else map(list, zip(*iterables))
        connection = self._connected()
        try:
            return self._outcomes(
                _Program(connection, self._function(connection, function), self._read),
                rows,
                length(iterables),
                timeout=timeout,
                chunksize=chunksize,
                buffersize=buffersize,
                return_exceptions=return_exceptions,
                progress=progress,
            )
        finally:
            connection.unpin()


def run(
    program: str | os.PathLike[str] | bytes, rows: Iterable[Any], *, progress: Progress = False,
    return_exceptions: bool = False, **limits: Any
) -> Iterator[Any]:
    """The outputs of a program for rows, in their order. The keyword arguments are those of `Executor`."""
    with Executor(program, **limits) as executor:
        yield from executor.map(rows, progress=progress, return_exceptions=return_exceptions)


__all__ = ["Executor", "run"]
