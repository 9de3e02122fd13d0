"""The standard library of Python, as code in memory. Tasks have no file system, so whatever they may import later has to
be read while the runtime is made."""

import json
import marshal
import os
import sys
from importlib.machinery import ModuleSpec

import wpool_system

# Folders and modules that need what tasks do not have, such as a screen, or that nobody imports in a task.
LEFT_OUT = {
    "__pycache__", "site-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "turtle", "ensurepip", "venv",
    "lib2to3", "pydoc_data", "__phello__", "curses", "_pyrepl", "antigravity", "this",
}
# In the names of files of frames, where it tells them from the frames of scripts.
PREFIX = "<python>/"


def read() -> dict[str, tuple[bytes, bool]]:
    """Compiles all modules. A module is its code and whether it is a package."""
    # The path of `os`, which is frozen, says where Python was meant to be installed.
    root = os.path.dirname(os.path.dirname(json.__file__))
    found = {}
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT and not name.startswith("config-"))
        for file in sorted(files):
            stem, end = os.path.splitext(file)
            if end == ".py" and stem not in LEFT_OUT:
                add(found, root, os.path.join(folder, file))
    return found


def add(found: dict[str, tuple[bytes, bool]], root: str, path: str) -> None:
    relative = os.path.relpath(path, root)
    parts = relative.removesuffix(".py").split("/")
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    with open(path, "rb") as file:
        source = file.read()
    try:
        code = compile(source, PREFIX + relative, "exec", dont_inherit=True)
    except SyntaxError:
        return
    found[name] = (marshal.dumps(code), is_package)


class Stdlib:
    """Finds and loads its modules."""

    def __init__(self, modules: dict[str, tuple[bytes, bool]]):
        self.modules = modules

    def has(self, name):
        return name in self.modules or name in sys.builtin_module_names

    def find_spec(self, name, path=None, target=None):
        found = self.modules.get(name)
        if found is None:
            return None
        return ModuleSpec(name, self, origin=PREFIX + name.replace(".", "/"), is_package=found[1])

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.get_code(module.__name__), module.__dict__)
        if module.__name__ == "random":
            seed_late(module)
        elif module.__name__ == "asyncio.selector_events":
            wpool_system.without_sockets(module)

    def get_code(self, name):
        return marshal.loads(self.modules[name][0])

    def get_source(self, name):
        return None

    def is_package(self, name):
        return self.modules[name][1]


def seed_late(random) -> None:
    """Has the module draw the seed of its random numbers with the first number that a task asks for, unless a script has
    set one: all tasks start from one state, and most of them need no random numbers."""
    plain, numbers = random.Random, random._inst

    class Unseeded(plain):
        """Random numbers before the first of a task."""

        def random(self):
            begin(self)
            return plain.random(self)

        def getrandbits(self, k):
            begin(self)
            return plain.getrandbits(self, k)

        def getstate(self):
            begin(self)
            return plain.getstate(self)

        def setstate(self, state):
            self.__class__ = plain
            plain.setstate(self, state)

        def seed(self, a=None, version=2):
            self.__class__ = plain
            random.wpool_seeded = a is not None
            plain.seed(self, a, version)

    def begin(self):
        if self.__class__ is Unseeded:
            self.__class__ = plain
            plain.seed(self, int.from_bytes(os.urandom(16)))

    def forget():
        """What a script has drawn at its top is not continued by its tasks."""
        if not random.wpool_seeded:
            numbers.gauss_next = None
            numbers.__class__ = Unseeded

    random.wpool_seeded, random.wpool_forget = False, forget
    forget()
    # These are methods of the numbers, and were taken from the class before.
    for name, value in list(vars(random).items()):
        if getattr(value, "__self__", None) is numbers:
            setattr(random, name, getattr(numbers, name))


def forget_random() -> None:
    """Makes the next random number the first of a new sequence."""
    forget = getattr(sys.modules.get("random"), "wpool_forget", None)
    if forget is not None:
        forget()


def install() -> Stdlib:
    """From now on no module comes from a file."""
    stdlib = Stdlib(read())
    sys.meta_path[:] = [finder for finder in sys.meta_path if getattr(finder, "__name__", "") != "PathFinder"]
    sys.meta_path.append(stdlib)
    sys.path[:] = []
    sys.path_hooks[:] = []
    sys.path_importer_cache.clear()
    # The random numbers of a script are noted from its first import on.
    sys.modules.pop("random", None)
    return stdlib
