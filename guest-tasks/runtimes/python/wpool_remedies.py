"""What to try after an error whose reason is that a script runs in a task."""

import errno
import os
import sys

# Packages of machine code that people miss first; wpool reads the same list.
with open(os.path.join(os.path.dirname(__file__), "native.txt")) as names:
    NATIVE = frozenset(names.read().split())
# Parts of Python that need the operating system.
OF_THE_SYSTEM = frozenset(
    "_ctypes _curses _dbm _gdbm _multiprocessing _posixshmem _posixsubprocess _socket _sqlite3 _ssl _tkinter curses dbm.gnu "
    "fcntl grp mmap pwd readline resource syslog termios tkinter turtle venv ensurepip".split()
)
PROCESSES = "tasks have no other processes"
THREADS = "tasks have no threads; wpool runs rows on all cores"
NETWORK = "tasks have no network"
# Modules of Python whose errors have one reason in a task. An inner one says more than one that calls it.
REASONS = {"threading": THREADS, "subprocess": PROCESSES, "multiprocessing": PROCESSES, "socket": NETWORK}
# Parts of modules that a Python on Linux has, by their module.
PARTS = {
    "os": (
        PROCESSES,
        "fork forkpty execv execve kill killpg pipe popen posix_spawn spawnl spawnv system wait waitpid nice setsid getpgid "
        "chroot getuid geteuid getgid getppid getlogin sched_getaffinity",
    ),
    "signal": ("tasks get no signals; --timeout ends a task", "alarm setitimer pause pthread_kill sigwait"),
    "hashlib": ("this part of Python is not in the runtime", "scrypt"),
    "time": ("tasks have the time zone UTC", "tzset"),
    "socket": (NETWORK, "AF_UNIX socketpair fromfd gethostbyaddr"),
}
# How the files of frames of Python's modules begin.
PREFIX = "<python>/"
MOST_CAUSES = 8
NO_FILE = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EBADF, errno.ENOTCAPABLE)


def remedy(error: BaseException, bundle) -> str | None:
    """What to try, or why it cannot be."""
    if isinstance(error, ImportError):
        return of_import(error, bundle)
    if isinstance(error, AttributeError):
        return of_attribute(error)
    if isinstance(error, EOFError) and str(error) == "EOF when reading a line":
        return "a task has no standard input: its row is the argument of `run`"
    if type(error).__name__ == "ZoneInfoNotFoundError":
        return "time zones come with the package tzdata: name the folder that it is installed in with --python-path"
    return of_module(error) or of_file(error)


def of_file(error: BaseException) -> str | None:
    """How a file can be opened."""
    is_missing = isinstance(error, OSError) and error.filename is not None and error.errno in NO_FILE
    return "a task sees no files but those of --dir" if is_missing else None


def of_module(error: BaseException) -> str | None:
    """The reason of an error that a module of Python has raised because of the system."""
    if not isinstance(error, (OSError, RuntimeError)):
        return None
    for _ in range(MOST_CAUSES):
        name = raised_in(error)
        if name in REASONS:
            return REASONS[name]
        error = error.__cause__ or error.__context__
        if error is None or name is None:
            return None
    return None


def raised_in(error: BaseException) -> str | None:
    """The module of Python whose function has raised an error."""
    at = error.__traceback__
    if at is None:
        return None
    while at.tb_next is not None:
        at = at.tb_next
    file = at.tb_frame.f_code.co_filename
    return file.removeprefix(PREFIX).partition("/")[0].removesuffix(".py") if file.startswith(PREFIX) else None


def of_attribute(error: AttributeError) -> str | None:
    """Why a module has no such part."""
    reason, parts = PARTS.get(getattr(error.obj, "__name__", None), ("", ""))
    return reason if error.name in parts.split() else None


def of_import(error: ImportError, bundle) -> str | None:
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
