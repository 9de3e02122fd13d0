"""joblib's Parallel with the backend `wasmpool`."""

import unittest

from needs import need

joblib = need("joblib")

import wasmpool.joblib  # noqa: E402


def square(number):
    return number * number


def fail_on(number, bad):
    if number == bad:
        raise KeyError(number)
    return number


def endless():
    # In this process it would be an error.
    while platform() == "wasi":
        pass


def platform():
    import sys

    return sys.platform


    return os.getpid() if hasattr(os, "getpid") else None


class JoblibTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        wasmpool.joblib.register()

    def test_results_come_in_the_order_of_the_calls(self):
        with joblib.parallel_config("wasmpool", n_jobs=2):
            self.assertEqual(joblib.Parallel()(joblib.delayed(square)(n) for n in range(50)), [n * n for n in range(50)])
            # The same executor, and several calls in one batch.
            calls = (joblib.delayed(square)(n) for n in range(50))
            self.assertEqual(joblib.Parallel(batch_size=7)(calls), [n * n for n in range(50)])

    def test_generators_and_keywords_work(self):
        with joblib.parallel_config("wasmpool", n_jobs=2):
            results = joblib.Parallel(return_as="generator")(joblib.delayed(pow)(2, n, mod=7) for n in range(10))
            self.assertEqual(list(results), [pow(2, n, 7) for n in range(10)])

    def test_an_error_is_raised_and_the_backend_goes_on(self):
        with joblib.parallel_config("wasmpool", n_jobs=2):
            with self.assertRaises(KeyError):
                joblib.Parallel()(joblib.delayed(fail_on)(n, 3) for n in range(10))
            self.assertEqual(joblib.Parallel()(joblib.delayed(fail_on)(n, -1) for n in range(3)), [0, 1, 2])

    def test_limits_of_the_executor_are_limits_of_a_call(self):
        with joblib.parallel_config("wasmpool", n_jobs=1, timeout=0.5):
            with self.assertRaises(wasmpool.TaskTimeout):
                joblib.Parallel()([joblib.delayed(endless)()])

    def test_no_call_is_made_in_this_process(self):
        for n_jobs in (1, 2, None):
            with joblib.parallel_config("wasmpool", n_jobs=n_jobs):
                self.assertEqual(joblib.Parallel()([joblib.delayed(platform)()]), ["wasi"])
        with joblib.parallel_config("wasmpool", n_jobs=2):
            with self.assertRaisesRegex(ValueError, "shared memory"):
                joblib.Parallel(require="sharedmem")([joblib.delayed(platform)()])

    def test_numbers_of_jobs_are_as_in_joblib(self):
        backend = wasmpool.joblib.Backend()
        self.assertEqual((backend.effective_n_jobs(3), backend.effective_n_jobs(1)), (3, 2))
        with self.assertRaises(ValueError):
            backend.effective_n_jobs(0)


if __name__ == "__main__":
    unittest.main()
