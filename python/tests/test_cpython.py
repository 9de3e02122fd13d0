"""CPython's own tests of executors, where the interpreter has them as a package (3.13 and later).

They submit Python functions, so an adapter stands between: it sends how long a call sleeps to a program that sleeps so long,
and makes the call when the task has ended. So they hold the futures, their waiting, cancelling and the shutdown to the
standard library's. `SandboxExecutor` needs no adapter.
"""

import concurrent.futures
import time
import unittest

from programs import wat
from sandbox import has_runtime
from wasmpool import Executor, SandboxExecutor

try:
    from test.test_concurrent_futures import executor, test_as_completed, test_shutdown, test_wait, util
except ImportError:
    executor = None

#: Tests that do not apply, with the reason.
SKIPPED = {
    "test_cancel_futures": "it wants a task to have begun, which no worker need have done so soon; test_limits has its own",
    "test_interpreter_shutdown": "it imports the executor by name from concurrent.futures; test_processes has its own",
    "test_submit_after_interpreter_shutdown": "as test_interpreter_shutdown",
    "test_hang_gh83386": "as test_interpreter_shutdown",
}


class Sleeping(Executor):
    """Calls functions when tasks that sleep as long have ended."""

    def __init__(self, max_workers=None):
        super().__init__(wat("sleep"), max_workers=max_workers)

    def submit(self, function, /, *args, **keywords):
        sleeps = function in (time.sleep, test_wait.sleep_and_raise)
        future = super().submit(round(args[0] * 1000) if sleeps else 0)
        # `set_result` of this future alone: what the program said is only that it has slept.
        future.set_result = lambda _: _settle(future, function, args, keywords)
        return future

    # The standard library's, over these futures.
    map = concurrent.futures.Executor.map


def _settle(future, function, args, keywords):
    # A future that holds itself would hold its result.
    del future.set_result
    real, time.sleep = time.sleep, lambda _: None
    try:
        future.set_result(None if function is real else function(*args, **keywords))
    except Exception as error:
        future.set_exception(error)
    finally:
        time.sleep = real


def tests_of(kind, skipped, more=(), **keywords):
    """A class of tests for each mixin of CPython, for a kind of executor that is made with these keywords."""
    mixins = (
        executor.ExecutorTest,
        test_wait.WaitTests,
        test_as_completed.AsCompletedTests,
        test_shutdown.ExecutorShutdownTest,
        *more,
    )
    for mixin in mixins:
        members = {"executor_type": kind, "executor_kwargs": keywords}
        for name, why in skipped.items():
            if hasattr(mixin, name):
                members[name] = unittest.skip(why)(lambda self: None)
        bases = (mixin,) if issubclass(mixin, util.ExecutorMixin) else (mixin, util.ExecutorMixin)
        yield type(f"{kind.__name__}{mixin.__name__}", (*bases, unittest.TestCase), members)


#: Tests that do not apply to functions in the sandbox, with the reason.
SKIPPED_IN_SANDBOX = {
    "test_cancel_futures": SKIPPED["test_cancel_futures"],
    "test_interpreter_shutdown": SKIPPED["test_interpreter_shutdown"],
    "test_submit_after_interpreter_shutdown": SKIPPED["test_interpreter_shutdown"],
    "test_hang_gh83386": SKIPPED["test_interpreter_shutdown"],
    "test_max_workers_too_large": "a limit of Windows",
    "test_killed_child": "it asserts BrokenProcessPool; here a killed worker costs a second attempt, see test_sandbox_limits",
    "test_traceback": "it sends a method of its own class, whose bases are made by a program; test_sandbox has its own",
    "test_ressources_gced_in_workers": "it shares an event of multiprocessing with the worker, and a sandbox shares nothing",
    "test_saturation": "it shares a semaphore of multiprocessing with the workers",
    "test_idle_process_reuse_one": "it asserts when processes of multiprocessing start",
    "test_idle_process_reuse_multiple": "it asserts when processes of multiprocessing start",
    "test_max_tasks_per_child": "it is about an argument for leaks of memory, and a sandbox begins anew with each task",
    "test_max_tasks_per_child_defaults_to_spawn_context": "as test_max_tasks_per_child",
    "test_max_tasks_early_shutdown": "as test_max_tasks_per_child",
    "test_python_finalization_error": "it replaces a function of multiprocessing",
}


def sandboxed():
    from test.test_concurrent_futures import test_init, test_process_pool

    # Its tests of what all executors have would be run twice.
    twice = [name for name in vars(executor.ExecutorTest) if name.startswith("test_")]
    more = (test_init.InitializerMixin,)
    yield from tests_of(SandboxExecutor, SKIPPED_IN_SANDBOX, more, trust_results=[executor.MyObject])
    mixin = test_process_pool.ProcessPoolExecutorTest
    members = {name: unittest.skip(why)(lambda self: None) for name, why in SKIPPED_IN_SANDBOX.items() if hasattr(mixin, name)}
    members |= dict.fromkeys(twice)
    members["executor_type"] = SandboxExecutor
    yield type("SandboxExecutorProcessPoolExecutorTest", (mixin, util.ExecutorMixin, unittest.TestCase), members)


def load_tests(loader, tests, pattern):
    if executor is None:
        print("NOT RUN: CPython's tests of executors, which this interpreter does not have")
        return unittest.TestSuite()
    kinds = list(tests_of(Sleeping, SKIPPED))
    if has_runtime():
        kinds += sandboxed()
    else:
        print("NOT RUN: CPython's tests of executors in the sandbox, because componentize-py is not here")
    return unittest.TestSuite(loader.loadTestsFromTestCase(one) for one in kinds)


if __name__ == "__main__":
    unittest.main()
