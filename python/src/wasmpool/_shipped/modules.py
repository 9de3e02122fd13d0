"""The modules of the caller, as files in memory."""

from __future__ import annotations

import sys

# Parts of the runtime of scripts, which finds the script itself in this way.
import wpool_bundle  # type: ignore[import-not-found]
import wpool_remedies  # type: ignore[import-not-found]


class Modules:
    def __init__(self, bundle: bytes | None, native: list[str]) -> None:
        self._bundle = bundle
        self._native = frozenset(native)

    def install(self) -> None:
        if self._bundle is not None:
            found = wpool_bundle.Bundle(self._bundle)
            found.install()
            found.compile_all()

    def remedy(self, name: str) -> str:
        """What helps where there is no module of a name."""
        top = name.partition(".")[0]
        if {name, top} & (self._native | wpool_remedies.NATIVE):
            return f"{name} is machine code, and the sandbox runs pure Python only"
        if top in sys.stdlib_module_names:
            return "this part of Python needs the operating system: the sandbox has no sockets, no processes and no C libraries"
        return f"name {top} in modules=[…], if it is pure Python"
