"""No process is left, whatever ends the interpreter, and forks have workers of their own."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import unittest
from concurrent.futures import ThreadPoolExecutor

from programs import all_gone, children, guest, is_alive, python, until, wat
from wasmpool import Executor

# A job in the background of a shell ignores Ctrl-C, and so would whatever it starts.
BUSY = f"""
    import signal, sys, time
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from wasmpool import Executor
    executor = Executor({wat("spin-on-bang")!r}, max_workers=2)
    future = executor.submit(b"!")
    while not future.running():
        time.sleep(0.01)
    print("busy", flush=True)
"""


def start(code: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class EndTest(unittest.TestCase):
    def assert_nothing_is_left_after(self, rest: str, strike=None):
        process = start(textwrap.dedent(BUSY) + textwrap.dedent(rest))
        self.assertEqual(process.stdout.readline(), "busy\n", process.stderr)
        below = children(process.pid)
        self.assertGreaterEqual(len(below), 2)
        if strike is not None:
            process.send_signal(strike)
        _, stderr = process.communicate(timeout=60)
        until(lambda: all_gone(below), f"all are gone ({stderr})")
        return stderr

    def test_ctrl_c_in_a_script(self):
        stderr = self.assert_nothing_is_left_after("future.result()", signal.SIGINT)
        self.assertIn("KeyboardInterrupt", stderr)

    def test_ctrl_c_in_a_with_block(self):
        self.assert_nothing_is_left_after("with executor:\n    time.sleep(60)", signal.SIGINT)

    def test_ctrl_c_while_it_shuts_down(self):
        self.assert_nothing_is_left_after("executor.shutdown()", signal.SIGINT)

    def test_ctrl_c_in_a_map(self):
        self.assert_nothing_is_left_after("list(executor.map([b'!'] * 10))", signal.SIGINT)

    def test_sigkill(self):
        self.assert_nothing_is_left_after("time.sleep(60)", signal.SIGKILL)

    def test_sigkill_while_a_fork_holds_the_pipes(self):
        # The fork inherits the pipes, which the package closes in it; were it not so, the server watches its client.
        rest = """
            import os
            if os.fork() == 0:
                time.sleep(2)
                os._exit(0)
            time.sleep(60)
        """
        self.assert_nothing_is_left_after(rest, signal.SIGKILL)

    def test_exit_without_a_word(self):
        self.assert_nothing_is_left_after("import os\nsys.stdin.readline()\nos._exit(3)")

    def test_an_exit_waits_for_the_tasks(self):
        ran = python(
            f"""
            from wasmpool import Executor
            executor = Executor({wat("sleep")!r}, max_workers=1)
            executor.submit(500).add_done_callback(lambda future: print(future.result()))
            """
        )
        self.assertEqual((ran.stdout, ran.stderr), ("slept\n", ""))

    def test_nothing_is_begun_at_the_end_of_the_interpreter(self):
        ran = python(
            f"""
            import atexit
            from wasmpool import Executor

            @atexit.register
            def last():
                try:
                    executor.submit(1)
                except RuntimeError as error:
                    print(error)

            executor = Executor({wat("echo")!r}, max_workers=1)
            """
        )
        self.assertEqual(ran.stdout, "cannot schedule new futures after interpreter shutdown\n", ran.stderr)

    def test_an_executor_that_nobody_has_ends_after_its_tasks(self):
        executor = Executor(wat("sleep"), max_workers=1)
        future = executor.submit(300)
        pid = executor._connection._process.pid
        del executor
        self.assertEqual(future.result(), "slept")
        until(lambda: not is_alive(pid), "the server ends")

    def test_after_shutdown_nothing_is_accepted(self):
        executor = Executor(wat("echo"), max_workers=1)
        executor.shutdown()
        executor.shutdown()
        for use in (lambda: executor.submit(1), lambda: executor.map([1])):
            with self.assertRaisesRegex(RuntimeError, "cannot schedule new futures after shutdown"):
                use()


def in_a_fork(executor, queue):
    queue.put((os.getpid(), executor.submit(1001).result(), executor._connection._process.pid))


class ForkTest(unittest.TestCase):
    def test_a_fork_has_a_pool_of_its_own(self):
        with Executor(guest("largest-prime-factor"), max_workers=1) as executor:
            self.assertEqual(executor.submit(97).result(), 97)
            context = multiprocessing.get_context("fork")
            queue = context.Queue()
            process = context.Process(target=in_a_fork, args=(executor, queue))
            process.start()
            _, result, server = queue.get(timeout=60)
            process.join()
            self.assertEqual((result, process.exitcode), (13, 0))
            self.assertNotEqual(server, executor._connection._process.pid)
            self.assertEqual(executor.submit(97).result(), 97)
            until(lambda: not is_alive(server), "the pool of the fork is gone")

    def test_threads_start_and_end_executors_beside_each_other(self):
        def work(number):
            with Executor(guest("largest-prime-factor"), max_workers=1) as executor:
                return list(executor.map([number] * 20))

        with ThreadPoolExecutor(4) as threads:
            results = list(threads.map(work, [97, 1001, 97, 1001]))
        self.assertEqual(results, [[97] * 20, [13] * 20] * 2)


if __name__ == "__main__":
    unittest.main()
