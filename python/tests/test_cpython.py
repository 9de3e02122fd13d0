"""CPython's own tests of executors, where the interpreter has them as a package (3.13 and later).

They submit Python functions, so an adapter stands between: it sends how long a call sleeps to a program that sleeps so long,
and makes the call when the task has ended. So they hold the futures, their waiting, cancelling and the shutdown to the
standard library's; what runs in a sandbox is another subject. Other kinds of executors can be run the same way: `tests_of`
takes their class.
"""

import concurrent.futures
import time
import unittest

from programs import wat
from wasmpool import Executor

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


def tests_of(kind, skipped):
    """A class of tests for each mixin of CPython, for a kind of executor."""
    mixins = (
        executor.ExecutorTest,
        test_wait.WaitTests,
        test_as_completed.AsCompletedTests,
        test_shutdown.ExecutorShutdownTest,
    )
    for mixin in mixins:
        members = {"executor_type": kind}
        for name, why in skipped.items():
            if hasattr(mixin, name):
                members[name] = unittest.skip(why)(lambda self: None)
        yield type(f"{kind.__name__}{mixin.__name__}", (mixin, util.ExecutorMixin, unittest.TestCase), members)


def load_tests(loader, tests, pattern):
    if executor is None:
        print("NOT RUN: CPython's tests of executors, which this interpreter does not have")
        return unittest.TestSuite()
    return unittest.TestSuite(loader.loadTestsFromTestCase(one) for one in tests_of(Sleeping, SKIPPED))


if __name__ == "__main__":
    unittest.main()
