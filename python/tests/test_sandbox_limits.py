"""Limits of calls in the sandbox, and workers that die."""

import concurrent.futures
import os
import signal
import unittest

import wasmpool
from programs import until
from sandbox import SandboxTest, executor


def spin():
    while True:
        pass


def add(a, b):
    return a + b


def kept(text):
    """The text from a file that it was written to, and what was there before."""
    import os

    before = os.listdir("/tmp")
    with open("/tmp/note", "w") as file:
        file.write(text)
    with open("/tmp/note") as file:
        return file.read(), before


def busy(rounds):
    total = 0
    for n in range(rounds):
        total += n
    return total


class LimitsTest(SandboxTest):
    def test_an_endless_call_is_a_timeout_and_its_neighbours_do_not_notice(self):
        with executor(timeout=1, max_workers=2) as pool:
            endless = pool.submit(spin)
            others = [pool.submit(add, n, 1) for n in range(100)]
            with self.assertRaises(TimeoutError) as caught:
                endless.result()
            self.assertIsInstance(caught.exception, wasmpool.TaskTimeout)
            self.assertEqual([other.result() for other in others], list(range(1, 101)))

    def test_each_call_has_an_empty_directory_if_it_is_asked_for(self):
        with executor(scratch="/tmp") as pool:
            self.assertEqual(list(pool.map(kept, ["one", "two"])), [("one", []), ("two", [])])

    def test_a_call_without_memory_is_a_memory_error(self):
        with executor(memory="64MiB") as pool:
            for call in (lambda: len(bytearray(1 << 30)), lambda: [bytearray(1 << 20) for _ in range(1000)]):
                with self.assertRaises(MemoryError):
                    pool.submit(call).result()
            self.assertEqual(pool.submit(add, 1, 2).result(), 3)

    def test_a_result_may_be_too_large_or_too_deep(self):
        with executor(max_output=1000) as pool:
            self.assertIsInstance(pool.submit(bytes, 2000).exception(), wasmpool.OutputLimit)

            def deep():
                value = []
                for _ in range(1000):
                    value = [value]
                return value

            self.assertIsInstance(pool.submit(deep).exception(), wasmpool.ResultRefused)

    def test_an_exit_and_an_endless_recursion_are_errors_of_their_call(self):
        import sys

        def deeper(n):
            return deeper(n + 1)

        with executor() as pool:
            left = pool.submit(sys.exit, 3).exception()
            self.assertEqual((type(left), left.code, left.exit_code), (wasmpool.TaskFailed, "exit", 3))
            self.assertIsInstance(pool.submit(deeper, 0).exception(), RecursionError)

    def test_a_call_that_runs_can_be_killed(self):
        with executor() as pool:
            endless, other = pool.submit(spin), pool.submit(add, 1, 2)
            until(endless.running, "it runs")
            self.assertFalse(endless.cancel())
            self.assertTrue(endless.kill())
            self.assertIsInstance(endless.exception(), wasmpool.TaskKilled)
            self.assertEqual(other.result(), 3)

    def test_a_call_that_waits_can_be_cancelled(self):
        with executor() as pool:
            endless, waiting = pool.submit(spin), pool.submit(add, 1, 2)
            until(endless.running, "it runs")
            self.assertTrue(waiting.cancel())
            endless.kill()
            self.assertEqual(pool.submit(add, 2, 2).result(), 4)

    def test_a_killed_worker_costs_a_second_attempt_and_three_a_crash(self):
        with executor() as pool:
            future, other = pool.submit(spin), pool.submit(add, 1, 2)
            struck = set()

            def strike():
                for one in pool.stats().get("running", []):
                    if one["pid"] not in struck:
                        struck.add(one["pid"])
                        os.kill(one["pid"], signal.SIGKILL)
                return future.done()

            until(strike, "it has crashed")
            error = future.exception()
            self.assertIsInstance(error, wasmpool.WorkerCrashed)
            self.assertNotIsInstance(error, concurrent.futures.BrokenExecutor)
            self.assertEqual(other.result(), 3)

    def test_a_server_that_dies_fails_its_calls_and_the_next_has_another(self):
        with executor() as pool:
            future = pool.submit(spin)
            until(future.running, "it runs")
            os.kill(pool._connection._process.pid, signal.SIGKILL)
            self.assertIsInstance(future.exception(), wasmpool.ServerDied)
            self.assertEqual(pool.submit(add, 1, 2).result(), 3)


class NothingThereTest(SandboxTest):
    def test_the_sandbox_has_no_files_no_network_and_no_processes(self):
        def tries(what):
            import os
            import socket
            import subprocess

            if what == "file":
                return open("/etc/passwd").read()
            if what == "write":
                return open("/tmp/written", "w").write("x")
            if what == "network":
                return socket.create_connection(("127.0.0.1", 80)).fileno()
            if what == "process":
                return subprocess.run(["true"]).returncode
            return dict(os.environ)

        with executor() as pool:
            for what in ("file", "write", "network", "process"):
                with self.subTest(what):
                    self.assertIsInstance(pool.submit(tries, what).exception(), (OSError, AttributeError))
            self.assertNotIn("HOME", pool.submit(tries, "environment").result())


if __name__ == "__main__":
    unittest.main()
