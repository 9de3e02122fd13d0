"""Why a pool cannot be made, and why a task is not ok."""

from concurrent.futures import BrokenExecutor
from typing import Any


class Error(Exception):
    """What this package raises."""


class SettingsError(Error, ValueError):
    """A setting that the pool, or the program, cannot have. `settings` names it."""

    settings: list[str] = []


class ProgramRefused(Error, ValueError):
    """wpool does not run this program. `code` is the reason as a word."""

    code: str = ""
    settings: list[str] = []


class SetUpFailed(Error, RuntimeError):
    """The machine does not let a pool start."""


class ServerDied(Error, BrokenExecutor):
    """The `wpool` process behind the executor has ended under its tasks. The executor starts another for the next task."""


class TaskFailed(Error):
    """A task that is not ok. The other classes of its kind say why; this one stands for a program that said no."""

    def __init__(self, status: str, error: dict[str, Any] | None = None, output: bytes | None = None, truncated: bool = False) -> None:
        error = error or {}
        super().__init__(status, error, output, truncated)
        #: As in records: `failed`, `trap`, `timeout`, …
        self.status = status
        #: A finer word than the status.
        self.code: str = error.get("code", status)
        self.message: str = error.get("message", status)
        #: The exit code of a command.
        self.exit_code: int | None = error.get("exit_code")
        #: The signal that ended the worker.
        self.signal: str | None = error.get("signal")
        #: The program's functions on the stack, innermost first.
        self.backtrace: list[str] = error.get("backtrace", [])
        #: The end of the program's stderr.
        self.stderr: str | None = error.get("stderr")
        #: The output of a command up to its end.
        self.output = output
        #: Whether parts of the output are missing: it was over its limit, or lost with a worker.
        self.truncated = truncated
        #: The error in full, as it stands in records.
        self.detail = error

    def __str__(self) -> str:
        return f"{self.status}: {self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, self.detail, self.output, self.truncated)


class TaskTrapped(TaskFailed, RuntimeError):
    """The sandbox has stopped the program: it broke a rule of WebAssembly or of its calling convention."""


class TaskTimeout(TaskFailed, TimeoutError):
    """The task ran longer than its time."""


class FuelExhausted(TaskFailed, TimeoutError):
    """The task used up its fuel."""


class TaskMemoryError(TaskFailed, MemoryError):
    """The task was denied memory, and gave up."""


class OutputLimit(TaskFailed, ValueError):
    """The output is larger than the limit."""


class WorkerCrashed(TaskFailed, RuntimeError):
    """Workers died under this task, as often as they may. No other task is harmed."""


class InvalidInput(TaskFailed, ValueError):
    """The row does not fit the program."""


class TaskKilled(TaskFailed):
    """The task was running when it was killed."""


class ResultRefused(TaskFailed, TypeError):
    """A function returned what does not come back from the sandbox: only data does, and instances of classes that were sent."""


class RemoteTraceback(Exception):
    """The cause of an error that a function raised in the sandbox: where it did."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


OF_STATUS: dict[str, type[TaskFailed]] = {
    "failed": TaskFailed,
    "trap": TaskTrapped,
    "timeout": TaskTimeout,
    "fuel": FuelExhausted,
    "out-of-memory": TaskMemoryError,
    "output-limit": OutputLimit,
    "crash": WorkerCrashed,
    "invalid-input": InvalidInput,
    "cancelled": TaskKilled,
    "skipped": TaskKilled,
}


def of_server(fault: dict[str, Any]) -> Error:
    """The error of an error frame."""
    code, message = fault.get("code"), str(fault.get("message", "an error without a message"))
    settings = [str(name) for name in fault.get("settings", [])]
    if settings:
        message += f" ({', '.join(settings)})"
    if code == "refused":
        refused = ProgramRefused(message)
        refused.code, refused.settings = str(fault.get("refusal", "")), settings
        return refused
    if code == "setting":
        wrong = SettingsError(message)
        wrong.settings = settings
        return wrong
    if code == "pool":
        return ServerDied(message)
    failed = SetUpFailed(message)
    if "componentize-py" in message:
        failed.add_note('`pip install "wasmpool[functions]"` brings the Python of the sandbox ready-made')
    return failed
