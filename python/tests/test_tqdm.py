"""tqdm: `process_map`, and the bar of `progress=True`."""

import contextlib
import inspect
import io
import unittest

from needs import need
from programs import wat
from wasmpool import Executor

tqdm, concurrent = need("tqdm", "tqdm.contrib.concurrent")

import wasmpool.tqdm  # noqa: E402


def add(a, b=1):
    return a + b


class ProcessMapTest(unittest.TestCase):
    def call(self, *args, **keywords):
        shown = io.StringIO()
        with contextlib.redirect_stderr(shown):
            return wasmpool.tqdm.process_map(*args, file=shown, **keywords), shown.getvalue()

    def test_it_is_called_as_the_one_of_tqdm(self):
        results, shown = self.call(add, range(20), range(20), max_workers=1, chunksize=5, desc="adding", ncols=60)
        self.assertEqual(results, [2 * n for n in range(20)])
        self.assertIn("adding: 100%", shown)
        self.assertIn("20/20", shown)

    def test_rows_without_a_number_have_a_bar_without_an_end(self):
        results, shown = self.call(add, (n for n in range(5)), max_workers=1, limits={"timeout": 10})
        self.assertEqual(results, [1, 2, 3, 4, 5])
        self.assertIn("5it", shown)

    def test_every_parameter_of_tqdm_is_taken(self):
        # What its own page lists.
        theirs = {"max_workers", "timeout", "chunksize", "buffersize", "lock_name", "tqdm_class"}
        self.assertLessEqual(theirs, set(inspect.signature(wasmpool.tqdm.process_map).parameters))
        for name in theirs:
            self.assertIn(name, concurrent.process_map.__doc__)


class ProgressTest(unittest.TestCase):
    def test_progress_is_a_bar(self):
        shown = io.StringIO()
        with Executor(wat("echo"), max_workers=1) as executor, contextlib.redirect_stderr(shown):
            self.assertEqual(list(executor.map([1, 2, 3], progress=True)), [1, 2, 3])
        self.assertIn("3/3", shown.getvalue())


if __name__ == "__main__":
    unittest.main()
