"""CPython as a WebAssembly program, in which wpool runs Python that nobody has to trust.

The package `wasmpool` finds it by itself; nothing here is to be called by anybody else.
"""

import os
from pathlib import Path


def files() -> list[str]:
    """The paths of the runtimes, without links."""
    return [os.path.realpath(file) for file in sorted(Path(__file__).parent.glob("*.wasm"))]
