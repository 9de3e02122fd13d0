"""What the tests of the sandbox share."""

import importlib.util
import os
import shutil
import unittest
from pathlib import Path

from wasmpool import SandboxExecutor


def has_runtime() -> bool:
    """Whether the sandbox's Python is here, or can be made."""
    if importlib.util.find_spec("wasmpool_runtime_python") or os.environ.get("WPOOL_RUNTIMES"):
        return True
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wpool" / "runtimes"
    return shutil.which("componentize-py") is not None or any(cache.glob("python-*.wasm"))


class SandboxTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.environ.get("WPOOL_REQUIRE_LANGUAGES") != "1" and not has_runtime():
            raise unittest.SkipTest("componentize-py is not here, so there is no Python for the sandbox")


def executor(**limits) -> SandboxExecutor:
    return SandboxExecutor(**({"max_workers": 1} | limits))


def outcome(call):
    try:
        return "value", call()
    except Exception as error:
        return "error", error
