"""A captured sandbox answers what it likes, and nothing of it runs on the host."""

import itertools
import pickle
import random
import sys
import threading
import unittest

import function_cases
import wasmpool
from sandbox import SandboxTest, executor
from wasmpool._shipped import data, tags

RANDOM = 100_000
#: What no reading of a result may do.
ACTS = ("exec", "compile", "import", "open", "os.", "subprocess.", "socket.", "ctypes.", "code.__new__", "function.__new__")


def answers(output):
    """Makes the script of the sandbox answer these bytes."""
    import types

    import _sandboxed

    _sandboxed.VALUE = output
    _sandboxed.data = types.SimpleNamespace(dumps=lambda *_: b"", DataError=ValueError)


class Trap:
    """Its methods are code of the caller, which a result must not reach."""

    def __init__(self, *_):
        raise AssertionError("it ran on the host")

    __setstate__ = __reduce__ = __eq__ = __hash__ = __call__ = __init__


class Named:
    """An extension as a captured sandbox writes it."""

    def __init__(self, kind, content):
        self.kind, self.content = kind, content


def written(kind, content):
    return b"\0" + data.dumps(Named(kind, content), lambda value: (value.kind, value.content))


class Evil:
    def __reduce__(self):
        return print, ("it ran on the host",)


class HostileTest(SandboxTest):
    def setUp(self):
        self.pool = executor(max_workers=2)
        self.addCleanup(self.pool.shutdown)
        # The classes that were sent have numbers.
        self.pool.submit(isinstance, Trap.__new__(Trap), (function_cases.Point, function_cases.Color)).exception()
        self.of = self.pool._calls._classes.number

    def read(self, outputs):
        """The outcomes of outputs, and what the host did to read them."""
        acts = []
        results = list(self.pool.map(answers, outputs, return_exceptions=True))
        watched.append(acts)
        try:
            for output in outputs:
                try:
                    self.pool._calls.read(output)
                except Exception:
                    pass
        finally:
            watched.remove(acts)
        return results, acts

    def test_hostile_results_are_refused_and_run_nothing(self):
        trap, point = Named("class", self.of(Trap)), Named("class", self.of(function_cases.Point))
        outputs = {
            "nothing": b"",
            "an unknown kind of output": b"\7",
            "a value that is cut off": b"\0",
            "a pickle": b"\0" + pickle.dumps(Evil()),
            "a pickle of protocol 0": b"\0" + pickle.dumps(Evil(), 0),
            "a function of the host": written("import", ("os", "getpid")),
            "a module": written("module", "antigravity"),
            "a method": written("method", ("text", "upper")),
            "a partial": written("partial", (1, (), {})),
            "a class of the library": written("named", ("subprocess", "Popen")),
            "an instance of a class of the library": written("instance", (Named("named", ("pathlib", "Path")), {})),
            "an instance of a plain class": written("instance", (trap, {})),
            "an error of a plain class": written("error", (trap, (), {})),
            "a member that is not a field": written("instance", (point, {"z": 1})),
            "another class for an instance": written("instance", (point, {"__class__": trap})),
            "a class that was never sent": written("class", 1 << 40),
            "the exit": b"\1\0\0\0\0" + written("builtin-error", "SystemExit")[1:],
            "an error that ends more than the output": b"\1\xff\xff\xff\xff",
            "lists without an end": b"\0" + bytes([tags.LIST, tags.MIXED, 1]) * 100_000,
            "a text of 1 GiB": b"\0" + bytes([tags.STR, 0x80, 0x80, 0x80, 0x80, 4]),
            "a million equal hashes": written("Counter", [1]),
        }
        results, acts = self.read(list(outputs.values()))
        for name, result in zip(outputs, results, strict=True):
            with self.subTest(name):
                self.assertIsInstance(result, wasmpool.TaskFailed)
        self.assertEqual(acts, [])

    def test_random_results_only_ever_raise_or_are_data(self):
        chance = random.Random(17)
        good = data.dumps([1, "a", {2: (3.5, None)}, Named("Counter", {"a": 1})], lambda v: (v.kind, v.content))
        kinds = [b"\0", b"\1\0\0\0\0", b"\2"]

        def outputs():
            for round in range(RANDOM):
                if round % 2:
                    yield chance.choice(kinds) + bytes(chance.choices(range(32), k=chance.randrange(20)))
                else:
                    changed = bytearray(good)
                    changed[chance.randrange(len(changed))] = chance.randrange(256)
                    yield chance.choice(kinds) + bytes(changed[chance.randrange(4) :])

        acts = []
        counted = itertools.count()
        results = self.pool.map(answers, outputs(), return_exceptions=True)
        watched.append(acts)
        try:
            for result in results:
                if isinstance(result, BaseException):
                    self.assertIsInstance(result, Exception)
                next(counted)
        finally:
            watched.remove(acts)
        self.assertEqual(next(counted), RANDOM)
        self.assertEqual(acts, [])


watched = []


def watch(event, args):
    # Another thread starts processes meanwhile. Results of a map are read in this one.
    if watched and event.startswith(ACTS) and threading.current_thread() is threading.main_thread():
        for acts in watched:
            acts.append((event, args))


sys.addaudithook(watch)

if __name__ == "__main__":
    unittest.main()
