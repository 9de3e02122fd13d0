"""Packages of others that tests need, and that may not be there."""

import importlib
import sys
import unittest


def need(*names: str):
    """The modules of these names. Without one of them the test is skipped, which is said aloud."""
    try:
        modules = [importlib.import_module(name) for name in names]
    except ImportError as error:
        said = f"NOT RUN: {sys._getframe(1).f_globals['__name__']}, because {error}"
        print(said, file=sys.stderr, flush=True)
        raise unittest.SkipTest(said) from None
    return modules[0] if len(modules) == 1 else modules
