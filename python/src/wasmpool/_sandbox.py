"""The executor of Python functions."""

from __future__ import annotations

import base64
import errno
import logging
import os
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import _frames
from ._calls import Calls, Function, FunctionFuture
from ._connection import Connection
from ._errors import SettingsError
from ._future import TaskFuture
from ._modules import Modules
from ._pool import Pool, length
from ._progress import Progress
from ._results import Trusted
from ._settings import settings
from ._shipped import data

log = logging.getLogger("wasmpool")

#: Seconds after which somebody who waits for the sandbox is told why.
PATIENCE = 3.0
#: Functions of a snapshot together. The argument of a script has 64 MiB, and is base64 of base64.
MOST_BYTES = 24 << 20
#: The script that the sandbox runs.
SCRIPT = Path(__file__).with_name("_sandboxed.py")


class SandboxExecutor(Pool):
    """Runs Python functions in a sandboxed CPython, each call in a sandbox of its own.

    A function goes there as source, with its closure, defaults, the globals that it names, and the classes of its arguments.
    The sandbox has no files, no network, no processes and no C extensions. What comes back is data: builtin containers and
    values, dates, decimals, UUIDs, and dataclasses, named tuples, enums and exceptions whose classes were sent.

    - `max_workers`: worker processes; by default as many as there are processors.
    - `timeout`: seconds that a call may run. It then ends as `TaskTimeout`, which is a `TimeoutError`. `cpu_time`: the same for
      processor time, which a busy machine does not use up.
    - `memory`, `max_output`: bytes that a call may use and give, or a text such as `64MiB`.
    - `retries`: how often a call runs again that raises an error, or ends in another way that is not ok.
    - `modules`: modules or packages of pure Python, or their names, that functions may import. `python_path` has folders in
      which they are looked for first.
    - `initializer`, `initargs`: a function that is called before any other; every call starts from the state that it leaves.
    - `trust_results`: classes whose instances may come back with any state.
    - `isolation`, `env`, `dirs`, `scratch`, `fuel`, `deterministic`, `receipts`: as for `Executor`.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        timeout: float | None = None,
        cpu_time: float | None = None,
        memory: int | str | None = None,
        max_output: int | str | None = None,
        retries: int = 0,
        modules: Iterable[str | types.ModuleType] = (),
        python_path: Iterable[str | os.PathLike[str]] = (),
        initializer: Callable[..., Any] | None = None,
        initargs: tuple[Any, ...] = (),
        trust_results: Iterable[type] = (),
        isolation: str = "auto",
        env: Mapping[str, str] | None = None,
        dirs: Iterable[str | tuple[str | os.PathLike[str], ...]] = (),
        scratch: str | tuple[str, int | str] | None = None,
        fuel: int | None = None,
        deterministic: bool | int = False,
        receipts: bool = False,
    ) -> None:
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        trusted = tuple(trust_results)
        if not all(isinstance(one, type) for one in trusted):
            raise SettingsError("trust_results: give classes")
        known = settings(
            max_workers=max_workers,
            timeout=timeout,
            cpu_time=cpu_time,
            memory=memory,
            max_output=max_output,
            retries=retries,
            isolation=isolation,
            init_arg=None,
            call=None,
            alloc=None,
            args=(),
            env=env,
            dirs=dirs,
            scratch=scratch,
            fuel=fuel,
            deterministic=deterministic,
            receipts=receipts,
            rows="bytes",
        )
        self._modules = Modules(modules, python_path)
        self._calls = Calls(frozenset(self._modules.names), Trusted(trusted, self._modules.names))
        # A call that raises an error is a task that is not ok only where it is to run again: such a task costs more.
        self._raises = retries > 0
        self._base: bytes | None = None
        if initializer is not None:
            self._base = self._calls.base.dumps((initializer, tuple(initargs)))
        # The functions of the snapshot, from which all tasks start, by their numbers in it.
        self._functions: dict[Function, int] = {}
        self._grows = False
        self._growing = threading.Lock()
        # Connections that finish what they had.
        self._former: list[Connection] = []
        self._calls.on_enough = weakref.WeakMethod(self._grow)
        super().__init__(known | {"program": str(SCRIPT), "init_arg": self._snapshot(())})
        self._connected().unpin()

    def _snapshot(self, functions: Iterable[Function]) -> str:
        """The argument of the script."""
        content = {
            "modules": self._modules.bundle(),
            "native": sorted(self._modules.native),
            "base": self._base,
            "raises": self._raises,
            "errors": {name: number for number, name in errno.errorcode.items()},
            "functions": {number: function.data for number, function in enumerate(functions, 1)},
        }
        return base64.b64encode(data.dumps(content)).decode()

    def _opened(self, settings: dict[str, Any]) -> Connection:
        notice = threading.Timer(PATIENCE, _tell)
        notice.daemon = True
        notice.start()
        try:
            connection = super()._opened(settings)
        finally:
            notice.cancel()
        if self._base is not None:
            # A row without content asks how the initializer has ended.
            future = FunctionFuture(self._calls, None)
            connection.submit(future)
            try:
                future.result()
            except BaseException:
                connection.kill()
                raise
        return connection

    def _forget(self) -> None:
        super()._forget()
        self._former, self._grows, self._growing = [], False, threading.Lock()
        self._calls.after_fork()

    def _begun(self, connection: Connection) -> None:
        connection.note = self._functions

    def _grow(self) -> None:
        """Begins to make a snapshot with the functions that are called often."""
        with self._growing:
            if self._grows or self._shutdown:
                return
            self._grows = True
        threading.Thread(target=_grow, args=(weakref.ref(self),), name="wasmpool-snapshot", daemon=True).start()

    def _change(self, functions: dict[Function, int], settings: dict[str, Any]) -> None:
        """Lets another connection, whose snapshot has these functions, take the place of the present one."""
        connection = self._opened(settings)
        connection.note = functions
        with self._lock:
            former = self._connection
            if self._shutdown or former is None or former.dead:
                connection.end(_frames.DRAIN)
                return
            self._functions, self._settings, self._connection = functions, settings, connection
            self._former = [one for one in self._former if not one.dead] + [former]
            former.retire(connection)

    def _stop(self, how: int, wait: bool) -> None:
        with self._lock:
            self._shutdown = True
            former = self._former
        if how != _frames.DRAIN:
            for one in former:
                one.end(how)
        super()._stop(how, wait)
        for one in former if wait else ():
            one.join()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> TaskFuture:
        """Calls a function in the sandbox."""
        connection = self._connected()
        try:
            try:
                future = FunctionFuture(self._calls, self._calls.call(fn, args, kwargs))
                connection.submit(future)
            except Exception as error:
                # As from other executors: whoever wants the result is told.
                future = FunctionFuture(self._calls, None)
                future.set_running_or_notify_cancel()
                future.set_exception(error)
        finally:
            connection.unpin()
        return future

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
        return_exceptions: bool = False,
        progress: Progress = False,
    ) -> Iterator[Any]:
        """The results of a function for the elements of the iterables, in their order.

        At most `buffersize` calls are ahead of the results, so an endless iterable is fine. An error is raised at its place, or
        stands there with `return_exceptions`. `timeout` is for the whole. `chunksize` is the most calls that are sent
        together; each is a task of its own in any case. `progress` is true for a bar of tqdm, or a function that is called
        with the number of results and of all calls (`None` if it is not known)."""
        self._connected().unpin()
        return self._outcomes(
            _Function(self, fn),
            zip(*iterables),
            length(iterables),
            timeout=timeout,
            chunksize=chunksize,
            buffersize=buffersize,
            return_exceptions=return_exceptions,
            progress=progress,
        )


class _Function:
    """Where the calls of a map go."""

    def __init__(self, executor: SandboxExecutor, function: Callable[..., Any]) -> None:
        self._executor, self._function = executor, function
        self.read, self.failure = executor._calls.read, executor._calls.failure

    def begin(self) -> tuple[Connection, Callable[[Any], tuple[bytes, bool]], int]:
        calls, function, connection = self._executor._calls, self._function, self._executor._connected()
        snapshot = connection.note
        return connection, lambda args: (calls.row(calls.call(function, args, {}), snapshot), True), 0


def _tell() -> None:
    """Says what takes long, to somebody who waits for it."""
    is_watched = "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
    log.log(
        logging.WARNING if is_watched else logging.INFO,
        "the Python of the sandbox is made ready, which takes half a minute the first time",
    )


def _grow(reference: weakref.ref[SandboxExecutor]) -> None:
    executor = reference()
    if executor is None:
        return
    try:
        functions = {function: number for number, function in enumerate(executor._calls.often(MOST_BYTES), 1)}
        settings = executor._settings | {"init_arg": executor._snapshot(functions)}
        executor._change(functions, settings)
    except Exception as error:
        # Functions still come along with their calls. Nobody waits for those of an executor that is shut down.
        if not executor._shutdown:
            log.warning("no snapshot with the functions that are called often: %s", error)
    else:
        executor._grows = False
