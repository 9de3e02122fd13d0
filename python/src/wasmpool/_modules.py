"""The modules of the caller that go to the sandbox: as files, with all that they import."""

from __future__ import annotations

import ast
import importlib.machinery
import json
import os
import sys
import types
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from ._errors import SettingsError

#: All files together, and their number.
MOST_BYTES = 32 << 20
MOST_FILES = 10_000
#: Largest file of a package that is not a source.
MOST_DATA = 1 << 20
_LEFT_OUT = {".pyc", ".pyo", ".pyi", ".c", ".h", ".cpp", ".pyx", ".pxd"}
_MACHINE_CODE = (".so", ".pyd", ".dylib", ".dll")


class Modules:
    """Modules and packages by name, with those that they import."""

    def __init__(self, wanted: Iterable[str | types.ModuleType], paths: Iterable[str | os.PathLike[str]]) -> None:
        self._path = [os.path.abspath(path) for path in paths] + sys.path
        self._files: dict[str, tuple[bytes, str]] = {}
        self._size = 0
        self.names: set[str] = set()
        self.native: set[str] = set()
        names = [one.__name__ if isinstance(one, types.ModuleType) else one for one in wanted]
        left = deque((name.partition(".")[0], True) for name in names)
        while left:
            name, is_asked = left.popleft()
            if name not in self.names | self.native and name not in sys.stdlib_module_names:
                left += [(inner, False) for inner in self._add(name, is_asked)]

    def bundle(self) -> bytes | None:
        """The files as `wit/script.wit` has them; `None` if there are none."""
        if not self._files:
            return None
        files = [{"name": name, "size": len(text), "path": path} for name, (text, path) in self._files.items()]
        header = json.dumps({"main": "", "rows": "bytes", "files": files}).encode()
        return len(header).to_bytes(4, "little") + header + b"".join(text for text, _ in self._files.values())

    def _add(self, name: str, is_asked: bool) -> set[str]:
        """Takes a module or a package, and gives what it imports."""
        spec = importlib.machinery.PathFinder.find_spec(name, self._path)
        if spec is None:
            if is_asked:
                raise SettingsError(f"modules: there is no module {name}; python_path=[…] has further folders to look in")
            return set()
        if spec.submodule_search_locations is None and not str(spec.origin).endswith(".py"):
            self.native.add(name)
            if is_asked:
                raise SettingsError(f"modules: {name} is machine code, and the sandbox runs pure Python only")
            return set()
        self.names.add(name)
        if spec.submodule_search_locations is None:
            return self._file(f"{name}.py", Path(str(spec.origin)))
        imports = set()
        for folder in spec.submodule_search_locations:
            for path in sorted(Path(folder).rglob("*")):
                imports |= self._inner(name, Path(folder), path)
        return imports

    def _inner(self, name: str, folder: Path, path: Path) -> set[str]:
        """Takes a file of a package."""
        relative = path.relative_to(folder)
        if "__pycache__" in relative.parts or not path.is_file():
            return set()
        inner = f"{name}/{relative.as_posix()}"
        if path.name.endswith(_MACHINE_CODE):
            self.native.add(inner.partition(".")[0].replace("/", "."))
        elif path.suffix == ".py" or path.stat().st_size <= MOST_DATA and path.suffix not in _LEFT_OUT:
            return self._file(inner, path)
        return set()

    def _file(self, name: str, path: Path) -> set[str]:
        text = path.read_bytes()
        self._size += len(text)
        self._files[name] = text, str(path)
        if self._size > MOST_BYTES or len(self._files) > MOST_FILES:
            raise SettingsError(f"modules: together they are over {MOST_BYTES >> 20} MiB or {MOST_FILES} files")
        return set(_imports(text)) if path.suffix == ".py" else set()


def _imports(text: bytes) -> Iterator[str]:
    """The outermost names of the modules that a source imports."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
