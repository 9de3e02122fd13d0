"""The errors of a script, in the words of Python: without a frame of anything but the script."""

import os
import sys
import traceback

from wit_world.imports.types import Failure

# Most lines of a traceback that are reported: half from its beginning, half from its end.
MOST_LINES = 160

# Packages of machine code that people miss first; wpool reads the same list.
with open(os.path.join(os.path.dirname(__file__), "native.txt")) as names:
    NATIVE = frozenset(names.read().split())
# Parts of Python that need the operating system.
OF_THE_SYSTEM = frozenset(
    "_ctypes _curses _dbm _gdbm _multiprocessing _posixshmem _posixsubprocess _socket _sqlite3 _ssl _tkinter curses dbm.gnu "
    "fcntl grp mmap pwd readline resource syslog termios tkinter turtle venv ensurepip".split()
)


def failure(error: BaseException, bundle, starting: bool = False) -> Failure:
    """The end of a task, or of the start of the script, by what it raised."""
    try:
        return Failure(code(error, bundle, starting), *texts(error, bundle), exit_code(error))
    except MemoryError:
        return Failure("out-of-memory", "MemoryError", "", None)


def code(error: BaseException, bundle, starting: bool) -> str:
    if isinstance(error, SystemExit):
        return "exit"
    if isinstance(error, MemoryError):
        return "out-of-memory"
    if isinstance(error, ImportError):
        return "import"
    is_ours = isinstance(error, SyntaxError) and bundle is not None and error.filename in bundle.names
    return "syntax" if is_ours and starting else "exception"


def exit_code(error: BaseException) -> int | None:
    if not isinstance(error, SystemExit):
        return None
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) and abs(error.code) < 1 << 31 else 1


def texts(error: BaseException, bundle) -> tuple[str, str]:
    """The message and the traceback."""
    if isinstance(error, SystemExit):
        text = "exited" if error.code is None else f"exited with {error.code}"
        return clean(text), ""
    told = traceback.TracebackException.from_exception(error, compact=True)
    keep_own_frames(told, bundle.names if bundle else frozenset())
    lines = "".join(told.format()).splitlines()
    remedy = import_remedy(error, bundle) if isinstance(error, ImportError) else None
    if remedy:
        lines[-1] += f" ({remedy})"
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines[half:-half] = [f"  … {len(lines) - MOST_LINES} lines …"]
    return clean(message(error, remedy)), clean("\n".join(lines))


def message(error: BaseException, remedy: str | None) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    try:
        text = str(error)
    except Exception:
        text = "<its text raised an exception>"
    return f"{name}: {text}" * bool(text) or name if remedy is None else f"{name}: {text} ({remedy})"


def keep_own_frames(told: traceback.TracebackException | None, names: frozenset[str]) -> None:
    """Removes frames of Python and of this runtime, here and in the causes."""
    seen = set()
    left = [told]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        own = [frame for frame in one.stack or () if frame.filename in names]
        one.stack = traceback.StackSummary.from_list(own) if own else None
        left += [one.__cause__, one.__context__, *(one.exceptions or ())]


def import_remedy(error: ImportError, bundle) -> str | None:
    """How the module can be brought, or why it cannot."""
    name = error.name
    if not name or not isinstance(error, ModuleNotFoundError):
        return None
    top = name.partition(".")[0]
    native = bundle.native if bundle else frozenset()
    if name in native or top in native or name in NATIVE or top in NATIVE:
        return f"{name} is a C extension, and scripts can import pure Python only"
    if name in OF_THE_SYSTEM or top in OF_THE_SYSTEM:
        return "this part of Python needs the operating system: tasks have no sockets, no processes and no C libraries"
    if top in sys.stdlib_module_names:
        return "this part of Python is not in the runtime"
    return f"put {top}.py beside the script, or name the folder that it is installed in with --python-path"


def warm_up() -> None:
    """Has everything loaded that a traceback takes, while the runtime is made."""
    import linecache

    class Warm:
        names, native = frozenset(["<warm>"]), frozenset()

    for source in ["1 / 0", "undefined", "[].nothing", "import not_there", "def f(:", "raise ExceptionGroup('', [KeyError(1)])"]:
        linecache.cache["<warm>"] = (len(source), None, [source + "\n"], "<warm>")
        try:
            exec(compile(source, "<warm>", "exec"), {})
        except Exception as error:
            failure(error, Warm, starting=True)
    del linecache.cache["<warm>"]


def clean(text: str) -> str:
    """Text without halves of characters, which no string of a component can hold."""
    return text.encode("utf-8", "backslashreplace").decode()
