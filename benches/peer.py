"""The peer: concurrent.futures.ProcessPoolExecutor on the same work. Prints the seconds that the work took.

    peer.py FUNCTION ROWS_FILE WORKERS CHUNKSIZE COUNT map a function over the first COUNT lines:
            noop                                       it does nothing
            noop-json                                  it reads the line as JSON
            transform                                  it reads it as JSON, adds a member, and writes it
            echo                                       it gives the line back
            micros                                     it computes for 100 microseconds
            loky                                       it does nothing, in loky's executor
    peer.py squares N ROWS WORKERS                     ROWS times the sum of the squares below N
    peer.py sleep MILLIS COUNT WORKERS                 sleep COUNT times
    peer.py thumbnails IMAGES OUT WORKERS              a thumbnail of each file of the folder IMAGES, with Pillow
    peer.py dict COUNT WORKERS                         set a key of a Manager().dict COUNT times from each worker
    peer.py counter COUNT WORKERS                      add 1 under a Manager's lock COUNT times in each worker
    peer.py submit WORKERS COUNT                       submit COUNT tasks that do nothing, then wait for all
    peer.py one-by-one WORKERS COUNT                   submit COUNT tasks and wait for each before the next
    peer.py first WORKERS                              submit one task and wait for its result
    peer.py script FILE ROWS_FILE WORKERS CHUNKSIZE    map the function `run` of a script over rows of JSON
"""

import importlib
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from multiprocessing import Manager


def noop(row):
    return ""


def noop_json(row):
    json.loads(row)
    return ""


def transform(row):
    value = json.loads(row)
    value["seen"] = True
    return json.dumps(value)


def echo(row):
    return row


def squares(n, key=0):
    """As the guest does it, whose compiler would find a formula for the plain sum."""
    total = 0
    for i in range(n):
        total += i * i ^ key
    return total


def micros(size, row):
    return squares(size)


def size_of(seconds):
    """What the sum takes so long for."""
    times = []
    for _ in range(20):
        started = time.perf_counter()
        squares(10_000)
        times.append(time.perf_counter() - started)
    return int(10_000 * seconds / min(times))


def sleep(seconds):
    time.sleep(seconds)


def thumbnail(out, path):
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        kind = image.format
        # As one writes it: from JPEG it decodes no more than it needs.
        image.thumbnail((128, 128), Image.Resampling.LANCZOS)
        image = ImageOps.exif_transpose(image)
        image.save(os.path.join(out, os.path.basename(path)), format=kind, quality=85)


def set_key(shared, count):
    for i in range(count):
        shared["key"] = i


def add_one(shared, lock, count):
    for _ in range(count):
        with lock:
            shared["counter"] = shared.get("counter", 0) + 1


def scripted(run, row):
    return json.dumps(run(json.loads(row)))


def muted():
    """What a task prints goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def script(path, file, workers, chunksize):
    folder, name = os.path.split(os.path.abspath(path))
    sys.path.insert(0, folder)
    function = partial(scripted, importlib.import_module(name.removesuffix(".py")).run)
    with open(file, "rb") as rows:
        rows = [row.rstrip(b"\n") for row in rows]
    executor = partial(ProcessPoolExecutor, initializer=muted)
    return timed(workers, lambda pool: sum(1 for _ in pool.map(function, rows, chunksize=chunksize)), executor)


def mapped(kind, file, workers, chunksize, count):
    with open(file, "rb") as rows:
        rows = list(islice((row.rstrip(b"\n") for row in rows), count))
    functions = {"noop": noop, "loky": noop, "noop-json": noop_json, "transform": transform, "echo": echo}
    function = functions.get(kind) or partial(micros, size_of(100e-6))
    executor = ProcessPoolExecutor
    if kind == "loky":
        from loky import ProcessPoolExecutor as executor
    return timed(workers, lambda pool: sum(1 for _ in pool.map(function, rows, chunksize=chunksize)), executor)


def timed(workers, work, executor=ProcessPoolExecutor):
    with executor(workers) as pool:
        # Its workers are started before the clock is.
        list(pool.map(noop, range(4 * workers)))
        started = time.perf_counter()
        work(pool)
        return time.perf_counter() - started


def main():
    kind, *args = sys.argv[1:]
    if kind in ("noop", "noop-json", "transform", "echo", "micros", "loky"):
        print(mapped(kind, args[0], *map(int, args[1:])))
    elif kind == "script":
        print(script(args[0], args[1], *map(int, args[2:])))
    elif kind == "sleep":
        millis, count, workers = map(int, args)
        print(timed(workers, lambda pool: list(pool.map(sleep, [millis / 1000] * count))))
    elif kind == "squares":
        n, rows, workers = map(int, args)
        print(timed(workers, lambda pool: list(pool.map(squares, [n] * rows))))
    elif kind == "thumbnails":
        images, out, workers = args[0], args[1], int(args[2])
        paths = [entry.path for entry in os.scandir(images)]
        print(timed(workers, lambda pool: list(pool.map(partial(thumbnail, out), paths))))
    elif kind in ("dict", "counter"):
        count, workers = map(int, args)
        with Manager() as manager:
            shared, lock = manager.dict(), manager.Lock()
            work = partial(set_key, shared) if kind == "dict" else partial(add_one, shared, lock)
            print(timed(workers, lambda pool: list(pool.map(work, [count] * workers))))
    elif kind == "submit":
        workers, count = map(int, args)
        print(timed(workers, lambda pool: [f.result() for f in [pool.submit(noop, "1") for _ in range(count)]]))
    elif kind == "one-by-one":
        workers, count = map(int, args)
        print(timed(workers, lambda pool: [pool.submit(noop, "1").result() for _ in range(count)]))
    elif kind == "first":
        with ProcessPoolExecutor(int(args[0])) as pool:
            pool.submit(noop, "x").result()


if __name__ == "__main__":
    main()
