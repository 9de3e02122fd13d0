"""Python functions in the sandbox, through the real executable."""

import functools
import unittest

import function_cases
import wasmpool
from sandbox import SandboxTest, executor, outcome


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
        self.assertEqual(list(says), ["asyncio"], says)
        self.assertIn("The sandbox has no sockets", says["asyncio"])
        self.assertGreaterEqual(len(works), 31)


if __name__ == "__main__":
    unittest.main()
