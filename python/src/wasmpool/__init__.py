"""An executor for WebAssembly programs that nobody has to trust.

    from wasmpool import Executor

    with Executor("largest-prime-factor.wasm", timeout=1) as executor:
        print(executor.submit(600851475143).result())
        print(list(executor.map([97, 1001])))
"""

from ._errors import (
    Error,
    FuelExhausted,
    InvalidInput,
    OutputLimit,
    ProgramRefused,
    RemoteTraceback,
    ResultRefused,
    ServerDied,
    SettingsError,
    TaskFailed,
    TaskKilled,
    TaskMemoryError,
    TaskTimeout,
    TaskTrapped,
    WorkerCrashed,
)
from ._executor import Executor, run
from ._future import Receipt, TaskFuture
from ._sandbox import SandboxExecutor

__all__ = [
    "Error",
    "Executor",
    "FuelExhausted",
    "InvalidInput",
    "OutputLimit",
    "ProgramRefused",
    "Receipt",
    "RemoteTraceback",
    "ResultRefused",
    "SandboxExecutor",
    "ServerDied",
    "SettingsError",
    "TaskFailed",
    "TaskFuture",
    "TaskKilled",
    "TaskMemoryError",
    "TaskTimeout",
    "TaskTrapped",
    "WorkerCrashed",
    "run",
]
