"""The files of a script, and the import of modules from them."""

import json
import linecache
import sys
from importlib.machinery import ModuleSpec
from importlib.util import decode_source, module_from_spec

# Sources of packages up to this size are compiled before the first task, also for imports that a task makes.
EAGER_BYTES = 512 << 10


# Modules of which no script can have one of its own, as under every Python, and those of the runtime.
LOADED = frozenset(sys.builtin_module_names) | frozenset(
    "abc codecs componentize_py_types encodings importlib io linecache os site traceback types warnings wit_world".split()
) | {
    "wpool_bundle", "wpool_errors", "wpool_library", "wpool_native", "wpool_places", "wpool_rehearsal", "wpool_remedies",
    "wpool_resources", "wpool_results", "wpool_script", "wpool_settle", "wpool_stdlib", "wpool_system", "wpool_warm",
}


class Bundle:
    """A script with everything that it can import; a finder and a loader of modules."""

    def __init__(self, data: bytes):
        length = int.from_bytes(data[:4], "little")
        header = json.loads(data[4 : 4 + length])
        self.main: str = header["main"]
        self.rows: str = header["rows"]
        self.bare: bool = header.get("bare", False)
        self.arg: str | None = header.get("arg")
        self.native = frozenset(header.get("native", ()))
        self.files: dict[str, bytes] = {}
        self.paths: dict[str, str] = {}
        self.code: dict[str, object] = {}
        at = 4 + length
        for file in header["files"]:
            name, size = file["name"], file["size"]
            self.files[name] = data[at : at + size]
            self.paths[name] = file.get("path", name)
            at += size
        self.names = frozenset(self.paths.values())
        self.module = None

    @classmethod
    def empty(cls) -> "Bundle":
        header = b'{"main": "", "rows": "json", "files": []}'
        return cls(len(header).to_bytes(4, "little") + header)

    def install(self) -> None:
        """Modules of the script come before those of Python, as for every script."""
        tops = {file.partition("/")[0].removesuffix(".py") for file in self.files} - LOADED
        for name in list(sys.modules):
            if name.partition(".")[0] in tops:
                del sys.modules[name]
        sys.meta_path.insert(0, self)
        for name, content in self.files.items():
            if name.endswith(".py"):
                self.remember(name, content)

    def load_main(self):
        """Loads the script. Nobody can import it where it has the name of a module that is always loaded."""
        name = self.main.removesuffix(".py").replace("/", ".")
        module = module_from_spec(self.find_spec(name))
        if name not in LOADED:
            sys.modules[name] = module
        self.exec_module(module)
        self.module = module
        return module

    def remember(self, name: str, content: bytes) -> None:
        """Keeps the lines of a source for tracebacks."""
        path = self.paths[name]
        try:
            text = decode_source(content)
        except (SyntaxError, UnicodeError):
            text = content.decode("utf-8", "replace")
        linecache.cache[path] = (len(content), None, text.splitlines(keepends=True), path)

    def compile_all(self) -> None:
        """Compiles sources that have not been imported yet. Whoever imports one with an error is told of it then."""
        sources = [name for name in self.files if name.endswith(".py") and name not in self.code]
        if sum(len(self.files[name]) for name in sources) > EAGER_BYTES:
            return
        for name in sources:
            try:
                self.compiled(name)
            except (SyntaxError, ValueError):
                pass

    def compiled(self, file: str):
        code = self.code.get(file)
        if code is None:
            code = compile(self.files[file], self.paths[file], "exec", dont_inherit=True)
            self.code[file] = code
        return code

    def file_of(self, module: str) -> tuple[str, bool] | None:
        """The file of a module, and whether it is a package."""
        path = module.replace(".", "/")
        if path + "/__init__.py" in self.files:
            return path + "/__init__.py", True
        return (path + ".py", False) if path + ".py" in self.files else None

    def find_spec(self, name, path=None, target=None):
        found = self.file_of(name)
        if found is None:
            return self.namespace(name)
        file, is_package = found
        spec = ModuleSpec(name, self, origin=self.paths[file], is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [self.paths[file].rpartition("/")[0]]
        return spec

    def namespace(self, name):
        """A folder without `__init__.py` is a package without content."""
        folder = name.replace(".", "/") + "/"
        if not any(file.startswith(folder) and file.endswith(".py") for file in self.files):
            return None
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [folder[:-1]]
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, name):
        return self.compiled(self.file_of(name)[0])

    def get_source(self, name):
        return decode_source(self.files[self.file_of(name)[0]])

    def is_package(self, name):
        return self.file_of(name)[1]

    def get_filename(self, name):
        return self.paths[self.file_of(name)[0]]

    def get_data(self, path):
        """The content of a file beside a module, such as a table of a package."""
        for name, shown in self.paths.items():
            if path in (shown, name):
                return self.files[name]
        raise FileNotFoundError(2, "it is not a file of the script", path)

    def get_resource_reader(self, name):
        from wpool_resources import Resources

        return Resources(self, name.replace(".", "/") + "/")
