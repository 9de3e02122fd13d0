"""The command line: `python -m wasmpool run task.wasm rows.jsonl`."""

import os
import sys

from ._binary import environment, find

if __name__ == "__main__":
    path = find()
    os.execve(path, [path, *sys.argv[1:]], environment())
