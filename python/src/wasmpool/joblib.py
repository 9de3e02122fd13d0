"""joblib's `Parallel` in sandboxes.

    import joblib
    import wasmpool.joblib

    wasmpool.joblib.register()
    with joblib.parallel_config("wasmpool", n_jobs=2, timeout=1):
        joblib.Parallel()(joblib.delayed(pow)(number, 2) for number in range(10))

Keyword arguments of `parallel_config` are those of `SandboxExecutor`. No call is ever made outside of a sandbox.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from joblib import register_parallel_backend
from joblib.parallel import ParallelBackendBase

from ._sandbox import SandboxExecutor

Calls = list["Future[Any]"]


class Backend(ParallelBackendBase):  # type: ignore[misc]
    """A backend whose workers run each call in a sandbox of its own. Its executor stays for the next `Parallel`, as it does
    with joblib's own."""

    supports_retrieve_callback = True
    default_n_jobs = -1
    # Without these words joblib would take another backend for who requires it, one without a sandbox. `configure` refuses it.
    supports_sharedmem = True

    def __init__(self, nesting_level: int | None = None, inner_max_num_threads: int | None = None, **limits: Any) -> None:
        super().__init__(nesting_level, inner_max_num_threads)
        self._limits = limits
        self._executor: SandboxExecutor | None = None
        self._workers = 0

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        # Never 1: joblib would make the calls itself, in this process.
        return max(_workers(n_jobs), 2)

    def configure(self, n_jobs: int = 1, parallel: Any = None, require: str | None = None, **others: Any) -> int:
        # The others are about arrays in shared memory.
        if require == "sharedmem":
            raise ValueError("the calls require shared memory, which no sandbox has")
        self.parallel = parallel
        workers = _workers(n_jobs)
        if self._executor is not None and self._workers != workers:
            self._executor.shutdown()
            self._executor = None
        if self._executor is None:
            self._executor, self._workers = SandboxExecutor(workers, **self._limits), workers
        return self.effective_n_jobs(n_jobs)

    def submit(self, func: Any, callback: Callable[[Calls], Any] | None = None) -> Calls:
        """Submits the calls of a batch, each as a task of its own."""
        assert self._executor is not None, "joblib configures a backend before it uses it"
        calls = [self._executor.submit(one, *args, **keywords) for one, args, keywords in func.items]
        if callback is not None:
            _when_all_are_done(calls, callback)
        return calls

    def retrieve_result_callback(self, out: Calls) -> list[Any]:
        return [call.result() for call in out]

    def abort_everything(self, ensure_ready: bool = True) -> None:
        if self._executor is not None:
            self._executor.kill()
            self._executor = None
        if ensure_ready:
            self.configure(self.parallel.n_jobs, self.parallel)


def _workers(n_jobs: int | None) -> int:
    """A number of workers, as joblib reads it."""
    if n_jobs == 0:
        raise ValueError("n_jobs == 0 in Parallel has no meaning")
    if n_jobs is None:
        return 1
    return n_jobs if n_jobs > 0 else max(len(os.sched_getaffinity(0)) + 1 + n_jobs, 1)


def _when_all_are_done(calls: Calls, callback: Callable[[Calls], Any]) -> None:
    left, lock = len(calls), threading.Lock()

    def count(_: Future[Any]) -> None:
        nonlocal left
        with lock:
            left -= 1
            is_last = left == 0
        if is_last:
            callback(calls)

    for call in calls:
        call.add_done_callback(count)


def register(name: str = "wasmpool", *, make_default: bool = False) -> None:
    """Makes the backend known to joblib under a name."""
    register_parallel_backend(name, Backend, make_default=make_default)
