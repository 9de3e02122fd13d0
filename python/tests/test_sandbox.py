"""Python functions in the sandbox, through the real executable."""

import array
import datetime
import decimal
import errno
import functools
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import unittest
import uuid
import weakref
from concurrent.futures import as_completed
from pathlib import Path
from pickle import PicklingError

import function_cases
import wasmpool
from sandbox import SandboxTest, executor, outcome
from wasmpool import _binary, _calls

TABLE = None
CALLS = {"count": 0}
FACTOR = 2


def fill(size):
    global TABLE
    TABLE = list(range(size))
    CALLS["count"] += 1


def look_up(place):
    CALLS["count"] += 1
    return TABLE[place], CALLS["count"]


def fails(what):
    raise ValueError(what)


def scaled(number):
    return number * FACTOR


def fails_deep(number):
    raise RuntimeError(number)  # some comment


def connects():
    import socket

    return socket.create_connection(("127.0.0.1", 9))


class CasesTest(SandboxTest):
    def test_functions_of_all_kinds_work_or_say_why_not(self):
        works, says = [], {}
        with executor(max_workers=2) as pool:
            for name, (function, args) in function_cases.CASES.items():
                if name == "shared cells":
                    function = function_cases.make_counter()
                kind, value = outcome(pool.submit(function, *args).result)
                wanted, expected = outcome(functools.partial(function, *args))
                if (kind, type(value)) != (wanted, type(expected)):
                    says[name] = f"{value}: {value.__cause__}"
                    continue
                with self.subTest(name):
                    if kind == "error":
                        self.assertEqual((value.args, vars(value)), (expected.args, vars(expected)))
                        self.assertIsInstance(value.__cause__, wasmpool.RemoteTraceback)
                    else:
                        self.assertEqual(value, expected)
                    works.append(name)
        self.assertEqual(says, {})
        self.assertGreaterEqual(len(works), 37)

    def test_a_function_that_connects_is_told_that_there_are_no_sockets(self):
        with executor(max_workers=1) as pool:
            kind, error = outcome(pool.submit(connects).result)
        self.assertEqual(kind, "error")
        self.assertIn("[Errno -4]", str(error))
        self.assertIn("The sandbox has no sockets", str(error.__cause__))


class VersionsTest(SandboxTest):
    def test_they_do_so_in_interpreters_of_other_versions(self):
        others = [path for path in os.environ.get("WASMPOOL_PYTHONS", "").split(os.pathsep) if path]
        if not others:
            self.skipTest("WASMPOOL_PYTHONS names no other interpreters")
        folders = [str(Path(wasmpool.__file__).parents[1]), str(Path(__file__).parent)]
        env = _binary.environment() | {"PYTHONPATH": os.pathsep.join(folders), "WASMPOOL_BINARY": _binary.find()}
        env["WPOOL_REQUIRE_LANGUAGES"] = "1"
        for python in others:
            with self.subTest(python):
                command = [python, "-m", "unittest", "test_functions", "test_sandbox.CasesTest"]
                ran = subprocess.run(command, capture_output=True, text=True, env=env, cwd=folders[1])
                self.assertEqual(ran.returncode, 0, ran.stderr)


class FuturesTest(SandboxTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pool = executor(max_workers=2)

    @classmethod
    def tearDownClass(cls):
        cls.pool.shutdown()

    def test_submit_and_map_give_what_a_call_gives(self):
        self.assertEqual(self.pool.submit(divmod, 7, 2).result(), (3, 1))
        self.assertEqual(self.pool.submit(int, "ff", base=16).result(), 255)
        self.assertEqual(list(self.pool.map(pow, range(1000), [2] * 1000)), [n * n for n in range(1000)])
        self.assertEqual([list(self.pool.map(pow)), list(self.pool.map(pow, [], []))], [[], []])
        done = [future.result() for future in as_completed([self.pool.submit(scaled, n) for n in range(50)])]
        self.assertEqual(sorted(done), list(range(0, 100, 2)))

    def test_arguments_and_results_keep_their_types_and_what_they_share(self):
        shared = [1]
        for args in [
            (bytearray(b"a"), b"a", "a", 1, 1 << 100, 1.5, None, True, 2j, ...),
            ({"a": [1, (2, {3})]}, frozenset({4}), range(3), slice(1, 2)),
            (datetime.datetime.now(datetime.UTC), decimal.Decimal("1.50"), uuid.uuid4(), memoryview),
            (array.array,),
        ]:
            back = self.pool.submit(lambda *args: [(type(one).__name__, one) for one in args if type(one) is not type], *args)
            self.assertEqual(back.result(), [(type(one).__name__, one) for one in args if type(one) is not type])
        same = self.pool.submit(lambda a, b: (a is b[0], [a, a]), shared, [shared])
        self.assertEqual((same.result()[0], same.result()[1][0] is same.result()[1][1]), (True, True))
        self.assertIsInstance(self.pool.submit(len, memoryview(b"abc")).exception(), PicklingError)

    def test_map_is_lazy_and_may_leave_errors_in_their_place(self):
        import itertools

        endless = self.pool.map(lambda n: 10 // n, itertools.chain([5, 0], itertools.count(1)), return_exceptions=True)
        first = [next(endless) for _ in range(4)]
        endless.close()
        self.assertEqual((first[0], type(first[1]), first[2:]), (2, ZeroDivisionError, [10, 5]))
        with self.assertRaises(ZeroDivisionError):
            list(self.pool.map(lambda n: 10 // n, [1, 0]))

    def test_an_error_is_the_functions_own_with_its_traceback_as_the_cause(self):
        error = self.pool.submit(fails_deep, 123).exception()
        self.assertEqual((type(error), error.args), (RuntimeError, (123,)))
        self.assertIn("raise RuntimeError(number)  # some comment", str(error.__cause__))
        self.assertIn(f'File "{__file__}"', str(error.__cause__))
        self.assertNotIn("_sandboxed", str(error.__cause__))

    def test_an_error_whose_class_stays_there_still_says_what_it_was(self):
        def local():
            class Local(Exception):
                pass

            raise Local("here")

        error = self.pool.submit(local).exception()
        self.assertIsInstance(error, wasmpool.TaskFailed)
        self.assertIn("Local: here", str(error))

    def test_errors_of_the_library_come_back(self):
        import json

        error = self.pool.submit(json.loads, "{").exception()
        self.assertEqual((type(error), error.pos), (json.JSONDecodeError, 1))
        self.assertIsInstance(self.pool.submit(bytes.decode, b"\xff").exception(), UnicodeDecodeError)

    def test_an_error_of_the_system_has_the_numbers_and_the_file_names_of_this_machine(self):
        error = self.pool.submit(open, "/not/there").exception()
        self.assertEqual((type(error), error.errno, error.filename), (FileNotFoundError, errno.ENOENT, "/not/there"))
        self.assertEqual(str(error), str(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/not/there")))
        self.assertIn(str(error), str(error.__cause__))

        def denied(*parts):
            import errno

            raise OSError(errno.EACCES, "no", *parts)

        self.assertEqual(str(self.pool.submit(denied).exception()), str(PermissionError(errno.EACCES, "no")))
        two = self.pool.submit(denied, "a", None, "b").exception()
        self.assertEqual((two.errno, two.filename, two.filename2), (errno.EACCES, "a", "b"))
        self.assertEqual(self.pool.submit(lambda: OSError("in words")).result().args, ("in words",))

    def test_a_call_that_is_out_of_memory_says_what_the_limit_is(self):
        error = self.pool.submit(lambda: bytearray(1 << 30)).exception()
        self.assertIsInstance(error, MemoryError)
        self.assertIn("memory= of the executor", str(error.__cause__ or error))

    def test_a_result_that_is_no_data_is_refused_with_its_type(self):
        for function, said in [(lambda: (n for n in ()), "generator"), (lambda: print, "builtin_function"), (object, "object")]:
            error = self.pool.submit(function).exception()
            self.assertIsInstance(error, wasmpool.ResultRefused)
            self.assertIn(said, str(error))

    def test_code_without_source_is_refused_with_a_pickling_error(self):
        space = {}
        exec("def made(): return 1", space)
        future = self.pool.submit(space["made"])
        self.assertIsInstance(future.exception(), PicklingError)
        with self.assertRaisesRegex(PicklingError, "made has no source"):
            list(self.pool.map(space["made"], [1]))
        with self.assertRaisesRegex(PicklingError, "wasmpool is not in the sandbox; name it in modules"):
            self.pool.submit(lambda: wasmpool.run).result()

    def test_no_call_sees_what_another_has_changed(self):
        def count():
            CALLS["count"] += 1
            return CALLS["count"]

        self.assertEqual({self.pool.submit(count).result() for _ in range(20)}, {CALLS["count"] + 1})

    def test_a_function_that_has_changed_is_sent_anew(self):
        global FACTOR
        self.assertEqual(self.pool.submit(scaled, 5).result(), 10)
        FACTOR = 3
        self.assertEqual(self.pool.submit(scaled, 5).result(), 15)
        FACTOR = 2
        step = 1
        add = lambda number: number + step  # noqa: E731
        self.assertEqual(self.pool.submit(add, 5).result(), 6)
        step = 2
        self.assertEqual(self.pool.submit(add, 5).result(), 7)

    def test_nothing_that_was_sent_is_kept(self):
        class Owner:
            def __init__(self):
                self.text = "x" * 10

        function = lambda: 1  # noqa: E731
        gone = weakref.ref(function)
        self.pool.submit(function).result()
        del function
        self.assertIsNone(gone())
        self.assertIsInstance(self.pool.submit(Owner().__init__).exception(), PicklingError)

    def test_a_call_that_fails_can_run_again(self):
        with executor(retries=2) as pool:
            future = pool.submit(fails_deep, 5)
            error = future.exception()
            self.assertEqual((type(error), error.args), (RuntimeError, (5,)))
            self.assertIn("# some comment", str(error.__cause__))
            self.assertEqual((future.receipt.attempts, future.receipt.retried), (3, ("failed", "failed")))
            results = list(pool.map(lambda n: 1 / n, [1, 0], return_exceptions=True))
            self.assertEqual((results[0], type(results[1])), (1.0, ZeroDivisionError))

    def test_a_receipt_has_what_was_printed(self):
        with executor(receipts=True) as pool:
            future = pool.submit(print, "hello")
            self.assertIsNone(future.result())
            self.assertEqual(future.receipt.stderr, "hello\n")


class SnapshotTest(SandboxTest):
    def test_the_initializer_is_what_every_call_starts_from(self):
        with executor(initializer=fill, initargs=(10,)) as pool:
            self.assertEqual([pool.submit(look_up, place).result() for place in (3, 4)], [(3, 2), (4, 2)])
        self.assertIsNone(TABLE)

    def test_an_initializer_that_fails_raises_its_error(self):
        with self.assertRaisesRegex(ValueError, "no way") as caught:
            executor(initializer=fails, initargs=("no way",))
        self.assertIn("in fails", str(caught.exception.__cause__))

    def test_functions_that_are_called_often_become_a_part_of_the_snapshot(self):
        many = 3 * _calls.ENOUGH
        with executor(max_workers=2, initializer=fill, initargs=(10,)) as pool:
            running = pool.submit(lambda: sum(range(1_000_000)))
            before = pool._connection
            self.assertEqual(list(pool.map(scaled, range(many))), [2 * n for n in range(many)])
            futures = [pool.submit(look_up, 1) for _ in range(many)]
            self.assertEqual({future.result() for future in futures}, {(1, 2)})
            while pool._connection is before:
                pool.submit(scaled, 1).result()
            self.assertEqual((pool.submit(scaled, 1).result(), pool.submit(look_up, 2).result()), (2, (2, 2)))
            self.assertEqual(running.result(), sum(range(1_000_000)))
            self.assertIn(scaled, [reference() for reference, known in pool._calls._known.values() if known in pool._functions])

    def test_calls_that_wait_for_room_go_to_the_new_snapshot(self):
        # More than the server takes at once.
        many = 8 * _calls.ENOUGH
        with executor(max_workers=2) as pool:
            first = pool._connection
            futures = [pool.submit(scaled, n) for n in range(many)]
            cancelled = futures.pop()
            self.assertTrue(cancelled.cancel())
            self.assertEqual([future.result() for future in futures], [2 * n for n in range(many - 1)])
            self.assertIsNot(pool._connection, first)
        self.assertGreater(many, _calls.ENOUGH + 4096)

    def test_a_function_with_much_data_is_soon_a_part_of_the_snapshot(self):
        table = bytes(1 << 22)
        sizes = lambda n: len(table) + n  # noqa: E731
        with executor() as pool:
            first = pool._connection
            calls = 0
            while pool._connection is first:
                self.assertEqual(pool.submit(sizes, 1).result(), (1 << 22) + 1)
                calls += 1
            self.assertLess(calls, _calls.ENOUGH)

    def test_each_call_has_random_numbers_of_its_own(self):
        def draw():
            return random.random()

        with executor(initializer=draw) as pool:
            self.assertEqual(len({pool.submit(draw).result() for _ in range(5)}), 5)

    def test_a_shutdown_while_a_snapshot_is_made_loses_nothing(self):
        many = 2 * _calls.ENOUGH
        with executor(max_workers=2) as pool:
            futures = [pool.submit(scaled, n) for n in range(many)]
        self.assertEqual([future.result() for future in futures], [2 * n for n in range(many)])

    def test_a_snapshot_that_comes_too_late_is_not_worth_a_warning(self):
        over = threading.Event()

        def opened(settings):
            over.wait(60)
            raise wasmpool.ServerDied("it has ended")

        with executor() as pool, self.assertNoLogs("wasmpool", "WARNING"):
            pool._opened = opened
            list(pool.map(scaled, range(2 * _calls.ENOUGH)))
            (snapshot,) = [one for one in threading.enumerate() if one.name == "wasmpool-snapshot"]
            pool.shutdown()
            over.set()
            snapshot.join()


class ModulesTest(SandboxTest):
    def test_modules_of_the_caller_can_be_imported(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "own_helper.py").write_text("from own_package import inner\ndef double(n): return inner.twice(n)\n")
            Path(folder, "own_package").mkdir()
            Path(folder, "own_package", "__init__.py").write_text("class Strange(Exception): pass\n")
            Path(folder, "own_package", "inner.py").write_text("import own_package\ndef twice(n):\n    return 2 * n\n")
            Path(folder, "own_package", "table.txt").write_text("a table")

            def uses(n):
                import importlib.resources

                import own_helper

                table = importlib.resources.files("own_package").joinpath("table.txt").read_text()
                return own_helper.double(n), table

            with executor(modules=["own_helper"], python_path=[folder]) as pool:
                self.assertEqual(pool.submit(uses, 4).result(), (8, "a table"))

    def test_a_class_of_a_module_of_the_caller_comes_back(self):
        with executor(modules=[function_cases]) as pool:
            point = pool.submit(function_cases.makes_a_point, 1).result()
            self.assertEqual(point, function_cases.Point(1))

    def test_what_cannot_be_sent_is_said(self):
        with self.assertRaisesRegex(wasmpool.SettingsError, "there is no module not_there"):
            executor(modules=["not_there"])
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "machine.abi3.so").write_bytes(b"\x7fELF")
            with self.assertRaisesRegex(wasmpool.SettingsError, "machine is machine code"):
                executor(modules=["machine"], python_path=[folder])
        with executor() as pool:

            def imports(name):
                __import__(name)

            for name, said in [("numpy", "machine code"), ("other", "name other in modules"), ("_ssl", "operating system")]:
                error = pool.submit(imports, name).exception()
                self.assertIsInstance(error, ModuleNotFoundError)
                self.assertIn(said, str(error.__cause__))

    def test_a_module_that_is_named_and_not_used_does_no_harm(self):
        space = {"__name__": "__main__", "ctypes": sys.modules.get("ctypes") or __import__("ctypes")}
        source = "def careful(n): return n if n else ctypes\n"
        path = Path(tempfile.mkdtemp(), "careful.py")
        path.write_text(source)
        exec(compile(source, str(path), "exec"), space)
        with executor() as pool:
            self.assertEqual(pool.submit(space["careful"], 5).result(), 5)


class Vector:
    """A class of its own kind: not a dataclass."""

    def __init__(self, *parts):
        self.parts = parts

    def length(self):
        return math.hypot(*self.parts)


class TrustTest(SandboxTest):
    def test_an_object_of_a_plain_class_comes_back_if_it_is_trusted(self):
        with executor() as pool:
            error = pool.submit(Vector, 3, 4).exception()
            self.assertIsInstance(error, wasmpool.ResultRefused)
            self.assertIn("trust_results", str(error))
            self.assertEqual(pool.submit(Vector(3, 4).length).result(), 5)
        with executor(trust_results=[Vector]) as pool:
            self.assertEqual(pool.submit(Vector, 3, 4).result().length(), 5)


if __name__ == "__main__":
    unittest.main()
