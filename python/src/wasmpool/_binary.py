"""Where the `wpool` executable is, and what it finds."""

import importlib
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator

NAME = "wpool"
#: The package with the program that runs Python.
RUNTIME = "wasmpool_runtime_python"
#: Files of runtimes, for wpool.
RUNTIMES = "WPOOL_RUNTIMES"


def _places() -> Iterator[str]:
    # For those who build it themselves.
    if own := os.environ.get("WASMPOOL_BINARY"):
        yield own
        return
    yield os.path.join(sysconfig.get_path("scripts"), NAME)
    # `pip install --user`, and `pip install --target`.
    yield os.path.join(sysconfig.get_path("scripts", scheme=sysconfig.get_preferred_scheme("user")), NAME)
    yield os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bin", NAME)
    yield os.path.join(os.path.dirname(sys.executable), NAME)
    if found := shutil.which(NAME):
        yield found


def find() -> str:
    """The path of the executable that came with the package, or else of one in `PATH`."""
    places = list(_places())
    for place in places:
        if os.access(place, os.X_OK) and os.path.isfile(place):
            return place
    raise FileNotFoundError(f"the executable {NAME} is in none of {places}; install wasmpool again")


def environment() -> dict[str, str]:
    """The variables of wpool: those of this process, and the runtimes that an installed package brings."""
    variables = dict(os.environ)
    if RUNTIMES not in variables:
        try:
            variables[RUNTIMES] = os.pathsep.join(importlib.import_module(RUNTIME).files())
        except ImportError:
            pass
    return variables
