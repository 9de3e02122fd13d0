"""Rows become outputs: `submit`, `map`, `run`."""

import asyncio
import itertools
import json
import pickle
import threading
import time
import unittest
from concurrent import futures

import wasmpool
from programs import guest, python, until, wat
from wasmpool import Executor, TaskFailed, run


class SubmitTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.executor = Executor(guest("largest-prime-factor"), max_workers=2)

    @classmethod
    def tearDownClass(cls):
        cls.executor.shutdown()

    def test_a_value_gives_a_value_and_bytes_give_bytes(self):
        self.assertEqual(self.executor.submit(600851475143).result(), 6857)
        self.assertEqual(self.executor.submit(b"600851475143").result(), b"6857")

    def test_it_is_an_executor_of_the_standard_library(self):
        self.assertIsInstance(self.executor, futures.Executor)
        future = self.executor.submit(97)
        self.assertIsInstance(future, futures.Future)
        done, waiting = futures.wait([future])
        self.assertEqual((done, waiting), ({future}, set()))
        many = [self.executor.submit(number) for number in range(2, 50)]
        self.assertEqual(set(futures.as_completed(many)), set(many))
        with self.assertRaises(TypeError):
            self.executor.map()

    def test_a_failure_says_why(self):
        with self.assertRaises(TaskFailed) as caught:
            self.executor.submit("zero").result()
        error = caught.exception
        self.assertEqual((error.status, error.code), ("failed", "err"))
        self.assertIn("expected an integer", error.message)
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((str(again), again.status), (str(error), "failed"))

    def test_a_receipt_comes_with_the_result(self):
        future = self.executor.submit(97)
        future.result()
        self.assertEqual((future.receipt.layer, future.receipt.attempts), ("guest", 1))
        self.assertGreater(future.receipt.wall, 0)
        self.assertIsNone(future.receipt.peak_memory)

    def test_callbacks_may_submit_and_cancel(self):
        # A callback runs where answers are read, so an answer that it waits for must still come.
        answers = []
        done = threading.Event()

        def callback(future):
            other = self.executor.submit(1001)
            answers.append(other.cancel() or other.kill() or True)
            answers.append(bool(self.executor.stats()))
            done.set()

        self.executor.submit(97).add_done_callback(callback)
        self.assertTrue(done.wait(60))
        self.assertEqual(answers, [True, True])

    def test_tasks_from_many_threads_have_their_own_results(self):
        results = {}

        def work(first):
            numbers = range(first, first + 200)
            results[first] = list(self.executor.map(numbers)) == [self.executor.submit(n).result() for n in numbers]

        threads = [threading.Thread(target=work, args=(first,)) for first in range(2, 2000, 400)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(results.values()), {True})

    def test_a_row_without_json_is_refused(self):
        for value in (object(), {1, 2}, float("nan"), "\ud800"):
            with self.assertRaises((TypeError, ValueError)):
                self.executor.submit(value)

    def test_asyncio_runs_it(self):
        async def main():
            loop = asyncio.get_running_loop()
            one = await loop.run_in_executor(self.executor, 97)
            two = await asyncio.wrap_future(self.executor.submit(1001))
            return one, two

        # In its debug mode, asyncio wants something callable to run.
        self.assertEqual(asyncio.run(main(), debug=False), (97, 13))

    def test_counters_are_told(self):
        self.executor.submit(97).result()
        stats = self.executor.stats()
        self.assertGreater(stats["answers"], 0)
        self.assertEqual(stats["running"], [])


class MapTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.executor = Executor(wat("echo"), max_workers=2)

    @classmethod
    def tearDownClass(cls):
        cls.executor.shutdown()

    def test_results_come_in_the_order_of_the_rows(self):
        rows = list(range(20_000))
        self.assertEqual(list(self.executor.map(rows)), rows)
        self.assertEqual(list(self.executor.map(rows, chunksize=7, buffersize=100)), rows)

    def test_an_endless_iterable_is_taken_lazily(self):
        taken = itertools.count()
        results = self.executor.map(taken, buffersize=10)
        self.assertEqual(list(itertools.islice(results, 100)), list(range(100)))
        self.assertLessEqual(next(taken), 111)

    def test_rows_that_come_slowly_are_sent_at_once(self):
        given = []

        def rows():
            for number in range(3):
                given.append(number)
                yield number
                # The result is there before the next row is asked for twice.
                time.sleep(0.01)

        results = self.executor.map(rows())
        self.assertEqual(next(results), 0)
        self.assertLess(len(given), 4)
        self.assertEqual(list(results), [1, 2])

    def test_several_iterables_are_rows_of_arrays(self):
        self.assertEqual(list(self.executor.map([1, 2, 3], "ab")), [[1, "a"], [2, "b"]])

    def test_bytes_and_values_can_be_mixed(self):
        self.assertEqual(list(self.executor.map([b"1", 1, b"\xff", {"a": None}])), [b"1", 1, b"\xff", {"a": None}])

    def test_the_time_of_a_map_is_limited(self):
        with Executor(wat("sleep"), max_workers=1) as executor:
            results = executor.map([0, 60_000], timeout=1)
            self.assertEqual(next(results), "slept")
            with self.assertRaises(TimeoutError):
                next(results)
            # The task that is left is killed, so leaving does not wait for it.

    def test_an_error_of_the_rows_is_raised_where_they_are_taken(self):
        def rows():
            yield 1
            raise KeyError("mine")

        with self.assertRaises(KeyError):
            list(self.executor.map(rows()))
        self.assertEqual(list(self.executor.map([5])), [5])

    def test_wrong_numbers_are_refused(self):
        for wrong in ({"chunksize": 0}, {"buffersize": 0}):
            with self.assertRaises(ValueError):
                self.executor.map([1], **wrong)

    def test_progress_is_told_to_a_function(self):
        told = []
        list(self.executor.map([1, 2, 3], progress=lambda done, total: told.append((done, total))))
        self.assertEqual(told, [(1, 3), (2, 3), (3, 3)])

    def test_large_rows_and_outputs_pass(self):
        rows = [b"x" * size for size in (0, 1, 1 << 20, 3 << 20, 8 << 20)] * 4
        self.assertEqual(list(self.executor.map(rows)), rows)

    def test_a_map_that_is_given_up_leaves_the_executor_free(self):
        results = self.executor.map(itertools.count())
        next(results)
        results.close()
        self.assertEqual(self.executor.submit(1).result(), 1)
        until(lambda: self.executor.stats()["open"] == 0, "the rest is cancelled")


class FailingMapTest(unittest.TestCase):
    def test_a_failure_is_raised_at_its_place_or_stands_there(self):
        with Executor(guest("largest-prime-factor"), max_workers=2) as executor:
            results = executor.map([97, "zero", 1001])
            self.assertEqual(next(results), 97)
            with self.assertRaises(TaskFailed):
                next(results)
            whole = list(executor.map([97, "zero", 1001], return_exceptions=True))
            self.assertEqual((whole[0], whole[2]), (97, 13))
            self.assertIsInstance(whole[1], TaskFailed)


class RunTest(unittest.TestCase):
    def test_a_program_runs_over_rows_in_one_call(self):
        self.assertEqual(list(run(guest("is-prime"), [7, 8], max_workers=1)), [True, False])

    def test_a_program_may_be_bytes(self):
        with open(guest("is-prime"), "rb") as file:
            self.assertEqual(list(run(file.read(), [9], max_workers=1)), [False])


class OutputTest(unittest.TestCase):
    def test_outputs_are_read_as_asked(self):
        for how, expected in [
            ("auto", [{"a": 1}, b"[2"]),
            ("json", [{"a": 1}, "[2"]),
            ("text", ['{"a":1}', "[2"]),
            ("bytes", [b'{"a":1}', b"[2"]),
        ]:
            with Executor(wat("echo"), max_workers=1, output=how) as executor:
                self.assertEqual(list(executor.map([{"a": 1}, b"[2"])), expected, how)
        with self.assertRaises(ValueError):
            Executor(wat("echo"), output="xml")

    def test_outputs_are_data_whatever_they_hold(self):
        outputs = [
            b"[" * 100_000,
            b"9" * 10_000,
            b"NaN",
            b"\xff\xfe[\x001\x00]\x00",
            b"cos\nsystem\n(S'false'\ntR.",
            b'{"__class__":"os.system"}',
        ]
        with Executor(wat("echo"), max_workers=1, output="json") as executor:
            results = list(executor.map(outputs))
        texts = [outputs[0].decode(), outputs[1].decode(), "NaN", outputs[3], outputs[4].decode()]
        self.assertEqual(results, [*texts, {"__class__": "os.system"}])

    def test_random_outputs_give_values_and_nothing_else(self):
        import random

        chance = random.Random(7)
        pieces = [b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"1e9", b"\\ud800", b"\xff", b"c", b"\x80", b"."]
        for _ in range(100_000):
            output = b"".join(chance.choice(pieces) for _ in range(chance.randrange(12)))
            value = wasmpool._values.json_output(output)
            self.assertIsInstance(value, (dict, list, str, bytes, int, float, type(None)))

    def test_functions_are_called_by_their_names(self):
        with Executor(guest("typed"), call="shapes.area", max_workers=1) as executor:
            self.assertAlmostEqual(executor.submit({"circle": 1}).result(), 3.14159, places=4)
            self.assertEqual(executor.submit("empty", function="shapes.area").result(), 0)
            with self.assertRaises(wasmpool.ProgramRefused) as caught:
                executor.submit(1, function="none")
            self.assertEqual(caught.exception.code, "no-function")


class PackageTest(unittest.TestCase):
    def test_the_module_is_the_command_line(self):
        ran = python(
            f"""
            import subprocess, sys
            sys.exit(subprocess.call([sys.executable, "-m", "wasmpool", "run", "-j", "1", {guest("is-prime")!r}, "-"]))
            """,
            input="7\n",
        )
        self.assertEqual(json.loads(ran.stdout), {"id": 0, "status": "ok", "output": True}, ran.stderr)

    def test_every_public_name_is_there(self):
        for name in wasmpool.__all__:
            self.assertTrue(getattr(wasmpool, name).__doc__, name)


if __name__ == "__main__":
    unittest.main()
