"""Where functions may be defined, and where executors may be used: scripts, prompts, notebooks, doctests, threads and forks."""

import ast
import doctest
import linecache
import multiprocessing
import os
import pty
import signal
import subprocess
import sys
import tempfile
import types
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import function_cases
from programs import HANG, all_gone, children, is_alive, until
from sandbox import SandboxTest, executor

SCRIPT = """
import dataclasses, enum
from wasmpool import SandboxExecutor

@dataclasses.dataclass
class Point:
    x: int

class Color(enum.Enum):
    RED = 1

def move(point):
    return Point(point.x + 1), Color.RED

pool = SandboxExecutor(max_workers=1)
print(pool.submit(move, Point(1)).result())
"""

# A job in the background of a shell ignores Ctrl-C, and so would whatever it starts.
BUSY = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from wasmpool import SandboxExecutor

def spin():
    while True:
        pass

pool = SandboxExecutor(max_workers=2)
future = pool.submit(spin)
while not future.running():
    time.sleep(0.01)
print("busy", flush=True)
"""


class ScriptTest(SandboxTest):
    def script(self, text):
        """Runs a file."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name, "script.py")
        path.write_text(text)
        return subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class PlacesTest(ScriptTest):
    def test_a_script_needs_no_guard_and_its_classes_come_back(self):
        process = self.script(SCRIPT)
        out, error = process.communicate(timeout=HANG)
        self.assertEqual((out, error), ("(Point(x=2), <Color.RED: 1>)\n", ""))

    def test_the_cells_of_a_notebook(self):
        # As ipykernel does it: each cell is a source of its own under a name in linecache.
        space = types.ModuleType("__main__").__dict__
        kept, sys.modules["__main__"] = sys.modules["__main__"], types.SimpleNamespace(**space)
        self.addCleanup(sys.modules.__setitem__, "__main__", kept)
        space = vars(sys.modules["__main__"])
        space["__name__"] = "__main__"

        def cell(number, text):
            name = f"/tmp/ipykernel_1/{number}.py"
            linecache.cache[name] = (len(text), None, text.splitlines(True), name)
            exec(compile(text, name, "exec"), space)

        cell(1, "import dataclasses\n@dataclasses.dataclass\nclass Point:\n    x: int\n")
        cell(2, "def helper(n):\n    return Point(n)\n")
        cell(3, "def work(n):\n    return helper(n)\n")
        with executor() as pool:
            self.assertEqual(pool.submit(space["work"], 1).result(), space["Point"](1))
            cell(4, "def helper(n):\n    return Point(10 * n)\n")
            self.assertEqual(pool.submit(space["work"], 1).result(), space["Point"](10))

    @unittest.skipIf(sys.version_info < (3, 13), "earlier prompts keep no source")
    def test_what_is_typed_at_a_prompt(self):
        parent, child = pty.openpty()
        env = os.environ | {"TERM": "dumb"}
        process = subprocess.Popen([sys.executable, "-q"], stdin=child, stdout=child, stderr=child, env=env)
        os.close(child)
        typed = "from wasmpool import SandboxExecutor\nf = lambda n: n + 41\n"
        typed += "pool = SandboxExecutor(max_workers=1)\n"
        typed += "print('it', 'is', pool.submit(f, 1).exception() or pool.submit(f, 1).result())\n"
        os.write(parent, typed.encode())
        seen = b""
        while b"it is" not in seen and (more := os.read(parent, 4096)):
            seen += more
        os.write(parent, b"exit()\n")
        while process.poll() is None:
            try:
                seen += os.read(parent, 4096)
            except OSError:
                break
        process.wait(timeout=HANG)
        os.close(parent)
        # The simple prompt of a dumb terminal keeps no source, and says so.
        self.assertRegex(seen.decode(), r"it is (42|<lambda> has no source)")

    def test_functions_of_a_doctest(self):
        """
        >>> def triple(number):
        ...     return 3 * number
        >>> with executor() as pool:
        ...     pool.submit(triple, 2).result()
        6
        """
        test = doctest.DocTestFinder().find(type(self).test_functions_of_a_doctest, globs=dict(globals()))[0]
        result = doctest.DocTestRunner(verbose=False).run(test)
        self.assertEqual((result.failed, result.attempted), (0, 2))

    def test_functions_whose_assertions_pytest_has_rewritten(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "test_rewritten.py")
            path.write_text("def work(n):\n    assert n > 0\n    return [n]\n")
            tree = ast.parse(path.read_text(), str(path))
            statement = tree.body[0].body[0]
            name = ast.Name("@py_assert1", ast.Store())
            tree.body[0].body[0] = ast.copy_location(ast.Assign([ast.copy_location(name, statement)], statement.test), statement)
            space = {"__name__": "test_rewritten"}
            exec(compile(tree, str(path), "exec"), space)
            with executor() as pool:
                self.assertEqual(pool.submit(space["work"], 1).result(), [1])
                self.assertIsInstance(pool.submit(space["work"], -1).exception(), AssertionError)

    def test_executors_in_threads(self):
        def work(number):
            with executor() as pool:
                return list(pool.map(function_cases.plain, range(20), [number] * 20))

        with ThreadPoolExecutor(3) as threads:
            results = list(threads.map(work, range(3)))
        self.assertEqual(results, [[n + k for n in range(20)] for k in range(3)])

    def test_one_executor_in_many_threads(self):
        with executor(max_workers=2) as pool, ThreadPoolExecutor(4) as threads:
            results = threads.map(lambda n: pool.submit(function_cases.with_globals, n).result(), range(200))
            self.assertEqual(list(results), [5 * n for n in range(200)])


def in_a_fork(pool, queue):
    queue.put((pool.submit(function_cases.plain, 1, 2).result(), pool._connection._process.pid))


class EndTest(ScriptTest):
    def test_a_fork_has_a_pool_of_its_own(self):
        with executor() as pool:
            self.assertEqual(pool.submit(function_cases.plain, 1, 1).result(), 2)
            context = multiprocessing.get_context("fork")
            queue = context.Queue()
            process = context.Process(target=in_a_fork, args=(pool, queue))
            process.start()
            result, server = queue.get(timeout=HANG)
            process.join()
            self.assertEqual((result, process.exitcode), (3, 0))
            self.assertEqual(pool.submit(function_cases.plain, 2, 2).result(), 4)
            until(lambda: not is_alive(server), "the pool of the fork is gone")

    def test_ctrl_c_leaves_no_process(self):
        for rest in ("future.result()", "with pool:\n    time.sleep(60)", "list(pool.map(abs, [1] * 5)); time.sleep(60)"):
            with self.subTest(rest):
                process = self.script(BUSY + rest)
                self.assertEqual(process.stdout.readline(), "busy\n")
                below = children(process.pid)
                self.assertGreaterEqual(len(below), 2)
                process.send_signal(signal.SIGINT)
                _, error = process.communicate(timeout=HANG)
                self.assertIn("KeyboardInterrupt", error)
                until(lambda below=below: all_gone(below), "all are gone")

    def test_the_end_of_a_script_waits_for_its_calls(self):
        last = "pool.submit(move, Point(1)).add_done_callback(lambda f: print(f.result()[0]))"
        process = self.script(SCRIPT.rpartition("print")[0] + last)
        out, error = process.communicate(timeout=HANG)
        self.assertEqual((out, error), ("Point(x=2)\n", ""))


if __name__ == "__main__":
    unittest.main()
