"""The command line: `python -m wasmpool run task.wasm rows.jsonl`."""

import os
import sys

from ._binary import find

if __name__ == "__main__":
    path = find()
    os.execv(path, [path, *sys.argv[1:]])
