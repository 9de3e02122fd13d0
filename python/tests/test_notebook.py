"""Cells of a notebook: an interrupt leaves no process, and the next cell works."""

import logging
import re
import signal
import tempfile
import textwrap
import threading
import unittest
from pathlib import Path

from needs import need
from programs import HANG, all_gone, children, until, wat
from sandbox import SandboxTest

nbclient, nbformat, _ = need("nbclient", "nbformat", "ipykernel")
# In the debug mode of `-X dev` it reports the start of a kernel as a slow step.
logging.getLogger("asyncio").setLevel(logging.ERROR)

START = f"""
    import os, pathlib, threading
    from wasmpool import Executor

    def busy():
        executor = Executor({wat("spin-on-bang")!r}, max_workers=2)
        return executor, executor.submit(b"!")

    def soon():
        # Not before the cell waits for the endless task.
        threading.Timer(0.2, pathlib.Path("waits").touch).start()
"""


def cells(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(one)) for one in sources])


class Notebook:
    """A kernel with cells, which run one by one."""

    def __init__(self, *sources):
        self.book = cells(*sources)
        self._place = tempfile.TemporaryDirectory()
        self.folder = Path(self._place.name)
        resources = {"metadata": {"path": self._place.name}}
        self.client = nbclient.NotebookClient(
            self.book,
            timeout=HANG,
            allow_errors=True,
            kernel_name="python3",
            resources=resources,
            # It warns of its connection, which no other user can reach.
            extra_arguments=["--log-level=ERROR"],
        )

    def __enter__(self):
        self._kernel = self.client.setup_kernel()
        self._kernel.__enter__()
        return self

    def __exit__(self, *ends):
        self._kernel.__exit__(*ends)
        self._place.cleanup()

    @property
    def pid(self):
        return self.client.km.provisioner.pid

    def run(self, number):
        """The text that a cell prints or returns, or the name of its error."""
        self.client.execute_cell(self.book.cells[number], number)
        outputs = self.book.cells[number].outputs
        return "".join(one.get("text", "") + one.get("ename", "") for one in outputs)

    def trace(self, number):
        return "\n".join(line for one in self.book.cells[number].outputs for line in one.get("traceback", ()))

    def interrupt_soon(self):
        """Interrupts the kernel as the button does, when the cell waits."""

        def strike():
            until(self.folder.joinpath("waits").exists, "the cell waits")
            self.folder.joinpath("waits").unlink()
            self.client.km.provisioner.process.send_signal(signal.SIGINT)

        thread = threading.Thread(target=strike)
        thread.start()
        return thread


class NotebookTest(unittest.TestCase):
    def test_an_interrupted_cell_leaves_no_process(self):
        ways = [
            "executor, future = busy()\nwith executor:\n    soon()\n    future.result()",
            "executor, future = busy()\nwith executor:\n    soon()\n    list(executor.map([b'!'] * 5))",
            "executor, future = busy()\nsoon()\nexecutor.shutdown()",
        ]
        with Notebook(START, *ways, "executor, future = busy()\nprint(future.done())") as notebook:
            notebook.run(0)
            for number, way in enumerate(ways, 1):
                with self.subTest(way):
                    thread = notebook.interrupt_soon()
                    self.assertEqual(notebook.run(number), "KeyboardInterrupt")
                    thread.join()
                    until(lambda: not children(notebook.pid), "nothing is left")
            self.assertEqual(notebook.run(4), "False\n")
            below = children(notebook.pid)
            self.assertTrue(below)
        until(lambda: all_gone(below), "nothing is left when the kernel has ended")

    def test_results_and_progress_are_shown(self):
        with Notebook(
            f"from wasmpool import Executor\nexecutor = Executor({wat('echo')!r}, max_workers=1)",
            "print(list(executor.map([1, 2])))",
            # A loop of events runs in a kernel, so a cell may await.
            "import asyncio\nprint(await asyncio.wrap_future(executor.submit(3)))",
        ) as notebook:
            self.assertEqual([notebook.run(number) for number in range(3)], ["", "[1, 2]\n", "3\n"])


class FunctionsTest(SandboxTest):
    def test_a_cell_sends_its_functions_as_they_are_now(self):
        with Notebook(
            "from wasmpool import SandboxExecutor\nexecutor = SandboxExecutor(max_workers=1)\nfactor = 2",
            "def scaled(n):\n    return n * factor\nprint(list(executor.map(scaled, [1, 2])))",
            "factor = 10\ndef scaled(n):\n    return -n * factor\nprint(executor.submit(scaled, 3).result())",
            "import asyncio\nloop = asyncio.get_running_loop()\nprint(await loop.run_in_executor(executor, scaled, 4))",
            "def fails():\n    return {}['key']\nexecutor.submit(fails).result()",
        ) as notebook:
            shown = [notebook.run(number) for number in range(5)]
            self.assertEqual(shown, ["", "[2, 4]\n", "-30\n", "-40\n", "KeyError"])
            # The traceback of the sandbox shows the line of the cell.
            self.assertIn("return {}['key']", re.sub(r"\x1b\[[\d;]*m", "", notebook.trace(4)))


if __name__ == "__main__":
    unittest.main()
