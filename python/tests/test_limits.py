"""Limits, errors and settings."""

import concurrent.futures
import os
import signal
import tempfile
import threading
import time
import unittest
from pathlib import Path

import wasmpool
from programs import guest, until, wat
from wasmpool import Executor


class LimitsTest(unittest.TestCase):
    def test_an_endless_task_is_a_timeout_and_its_neighbours_do_not_notice(self):
        with Executor(wat("spin-on-bang"), timeout=0.2, max_workers=2) as executor:
            endless = executor.submit(b"!")
            others = [executor.submit(b"1") for _ in range(100)]
            with self.assertRaises(TimeoutError) as caught:
                endless.result()
            self.assertIsInstance(caught.exception, wasmpool.TaskTimeout)
            self.assertEqual({other.result() for other in others}, {b"1"})

    def test_a_task_may_have_a_time_of_its_own(self):
        with Executor(wat("spin-on-bang"), max_workers=1) as executor:
            with self.assertRaises(wasmpool.TaskTimeout):
                executor.submit(b"!", timeout=0.1).result()

    def test_a_task_may_have_a_limit_of_processor_time(self):
        with Executor(wat("spin-on-bang"), cpu_time=0.2, max_workers=1) as executor:
            with self.assertRaises(wasmpool.TaskTimeout) as caught:
                executor.submit(b"!").result()
            self.assertEqual(caught.exception.code, "cpu-time")
        with Executor(wat("sleep"), cpu_time=0.2, max_workers=1) as executor:
            self.assertEqual(executor.submit(500).result(), "slept")

    def test_a_task_without_memory_is_a_memory_error(self):
        with Executor(wat("grow-abort"), memory="1MiB", max_workers=1) as executor:
            with self.assertRaises(MemoryError) as caught:
                executor.submit(1).result()
            self.assertEqual(caught.exception.status, "out-of-memory")

    def test_a_trap_a_long_output_and_used_up_fuel_have_their_errors(self):
        for program, limits, row, error in [
            ("trap", {}, 1, wasmpool.TaskTrapped),
            ("big-result", {"max_output": 10}, b"100", wasmpool.OutputLimit),
            ("spin", {"fuel": 1000}, 1, wasmpool.FuelExhausted),
            ("stderr-fail", {}, 1, wasmpool.TaskFailed),
        ]:
            with self.subTest(program), Executor(wat(program), max_workers=1, **limits) as executor:
                with self.assertRaises(error):
                    executor.submit(row).result()

    def test_a_killed_worker_costs_nothing_but_a_second_attempt(self):
        with Executor(wat("slow"), max_workers=1) as executor:
            executor.submit(1).result()
            future = executor.submit(500_000_000)
            running = until(lambda: executor.stats()["running"], "it runs")
            os.kill(running[0]["pid"], signal.SIGKILL)
            self.assertEqual(future.result(), 500_000_000)
            self.assertGreater(future.receipt.attempts, 1)

    def test_a_task_that_its_workers_die_under_is_a_crash_and_no_other_is(self):
        with Executor(wat("spin-on-bang"), max_workers=1) as executor:
            future, other = executor.submit(b"!"), executor.submit(b"1")
            struck = set()

            def strike():
                for one in executor.stats().get("running", []):
                    if one["pid"] not in struck:
                        struck.add(one["pid"])
                        os.kill(one["pid"], signal.SIGKILL)
                return future.done()

            until(strike, "it has crashed")
            with self.assertRaises(wasmpool.WorkerCrashed) as caught:
                future.result()
            self.assertNotIsInstance(caught.exception, concurrent.futures.BrokenExecutor)
            self.assertEqual(other.result(), b"1")

    def test_retries_are_counted(self):
        with Executor(wat("trap"), retries=2, max_workers=1) as executor:
            future = executor.submit(1)
            self.assertIsInstance(future.exception(), wasmpool.TaskTrapped)
            self.assertEqual(future.receipt.retried, ("trap", "trap"))


class CancelTest(unittest.TestCase):
    def setUp(self):
        self.executor = Executor(wat("spin-on-bang"), max_workers=1)
        self.endless = self.executor.submit(b"!")
        until(self.endless.running, "it runs")

    def tearDown(self):
        self.executor.kill()

    def test_a_running_task_is_not_cancelled_but_killed(self):
        self.assertFalse(self.endless.cancel())
        self.assertTrue(self.endless.running())
        self.assertTrue(self.endless.kill())
        self.assertIsInstance(self.endless.exception(), wasmpool.TaskKilled)
        self.assertFalse(self.endless.kill())
        self.assertEqual(self.executor.submit(b"1").result(), b"1")

    def test_a_waiting_task_is_cancelled(self):
        waiting = [self.executor.submit(b"1") for _ in range(6_000)]
        until(lambda: waiting[0]._sent, "the first is at the server")
        # The first wait in the pool, and the last for credit.
        self.assertTrue(waiting[0].cancel() and waiting[1].kill() and waiting[-1].cancel())
        self.assertTrue(waiting[0].cancelled() and waiting[-1].cancelled())
        with self.assertRaises(concurrent.futures.CancelledError):
            waiting[0].result()
        self.endless.kill()
        self.assertEqual({future.result() for future in waiting[2:-1]}, {b"1"})
        done = concurrent.futures.wait(waiting).done
        self.assertEqual(len(done), len(waiting))

    def test_shutdown_cancels_what_waits(self):
        waiting = [self.executor.submit(b"1") for _ in range(100)]
        until(lambda: waiting[-1]._sent, "the last is at the server")
        self.executor.shutdown(wait=False, cancel_futures=True)
        concurrent.futures.wait(waiting)
        self.assertTrue(all(future.cancelled() for future in waiting))
        self.assertFalse(self.endless.done())
        self.endless.kill()

    def test_an_exception_that_is_no_error_kills_what_runs(self):
        with self.assertRaises(KeyboardInterrupt), self.executor:
            raise KeyboardInterrupt
        self.assertIsInstance(self.endless.exception(), wasmpool.TaskKilled)


class SettingsTest(unittest.TestCase):
    def test_wrong_settings_are_named(self):
        for wrong, name in [
            ({"timeout": -1}, "timeout"),
            ({"memory": "64 apples"}, "memory"),
            ({"memory": 1 << 50}, "memory"),
            ({"isolation": "none"}, "isolation"),
            ({"deterministic": True, "timeout": 1}, "deterministic, timeout"),
            ({"max_workers": 5000}, "max_workers"),
            ({"init_arg": 1}, "init_arg"),
            ({"call": "none"}, "none"),
            ({"dirs": [(1, 2, 3, 4)]}, "HOST"),
        ]:
            with self.subTest(wrong), self.assertRaises((ValueError, TypeError)) as caught:
                Executor(wat("echo"), **wrong)
            if isinstance(caught.exception, ValueError):
                self.assertIn(name, str(caught.exception))

    def test_max_workers_must_be_positive(self):
        for number in (0, -1):
            with self.assertRaisesRegex(ValueError, "max_workers must be greater than 0"):
                Executor(wat("echo"), max_workers=number)

    def test_a_refused_program_says_why(self):
        with self.assertRaises(wasmpool.ProgramRefused) as caught:
            Executor(wat("unknown-import"))
        self.assertEqual(caught.exception.code, "unknown-import")
        with self.assertRaises(wasmpool.ProgramRefused) as caught:
            Executor(b"not a program")
        self.assertEqual(caught.exception.code, "bad-module")
        with self.assertRaises(wasmpool.Error):
            Executor("no-such-file.wasm")

    def test_receipts_measure_the_memory(self):
        with Executor(guest("is-prime"), receipts=True, max_workers=1) as executor:
            future = executor.submit(7)
            future.result()
            self.assertGreater(future.receipt.peak_memory, 0)
            self.assertGreater(future.receipt.cpu, 0)

    def test_env_and_directories_reach_the_program(self):
        with Executor(wat("env"), env={"NAME": "value"}, max_workers=1) as executor:
            self.assertIn("NAME=value", str(executor.submit(1).result()))
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "data.txt").write_text("inside")
            for grant in (f"{folder}::/", (folder, "/"), (folder, "/", "ro")):
                with Executor(wat("read-file"), dirs=[grant], max_workers=1) as executor:
                    result = executor.submit(b"data.txt")
                    self.assertIsNotNone(result.exception() or result.result())

    def test_init_runs_once_with_its_argument(self):
        with Executor(wat("init-component"), init_arg=b"7", max_workers=1) as executor:
            self.assertIsNone(executor.submit(b"1").exception())

    def test_deterministic_outputs_are_equal(self):
        outputs = []
        for _ in range(2):
            with Executor(wat("dice"), deterministic=7, max_workers=2) as executor:
                outputs.append(executor.submit(1).result())
        self.assertEqual(outputs[0], outputs[1])


class ServerTest(unittest.TestCase):
    def test_the_death_of_the_server_fails_its_futures_and_the_next_task_has_another(self):
        with Executor(wat("spin-on-bang"), max_workers=1) as executor:
            endless = executor.submit(b"!")
            waiting = [executor.submit(b"1") for _ in range(5_000)]
            until(endless.running, "it runs")
            os.kill(executor._connection._process.pid, signal.SIGKILL)
            with self.assertRaisesRegex(wasmpool.ServerDied, "signal 9"):
                endless.result()
            self.assertEqual({type(future.exception()) for future in waiting}, {wasmpool.ServerDied})
            self.assertEqual(executor.submit(b"1").result(), b"1")

    def test_a_map_under_a_dying_server_raises(self):
        with Executor(wat("spin-on-bang"), max_workers=1) as executor:
            results = executor.map([b"1", b"!"])
            self.assertEqual(next(results), b"1")
            timer = threading.Thread(target=lambda: os.kill(executor._connection._process.pid, signal.SIGKILL))
            timer.start()
            with self.assertRaises(wasmpool.ServerDied):
                next(results)
            timer.join()

    def test_a_stopped_reader_loses_nothing(self):
        # More output than the pipe and the credit hold, read late.
        with Executor(wat("echo"), max_workers=2) as executor:
            results = executor.map(b"%d" % number + b" " * 100_000 for number in range(600))
            time.sleep(0.1)
            self.assertEqual([int(result) for result in results], list(range(600)))


if __name__ == "__main__":
    unittest.main()
