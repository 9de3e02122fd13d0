"""The peer: concurrent.futures.ProcessPoolExecutor on the same work. Prints the seconds that the work took.

    peer.py noop ROWS_FILE WORKERS CHUNKSIZE COUNT     map a function that does nothing over the first COUNT lines
    peer.py squares N ROWS WORKERS                     ROWS times the sum of the squares below N
    peer.py thumbnails IMAGES OUT WORKERS              a thumbnail of each file of the folder IMAGES, with Pillow
    peer.py dict COUNT WORKERS                         set a key of a Manager().dict COUNT times from each worker
    peer.py counter COUNT WORKERS                      add 1 under a Manager's lock COUNT times in each worker
    peer.py submit WORKERS COUNT                       submit COUNT tasks that do nothing, then wait for all
    peer.py one-by-one WORKERS COUNT                   submit COUNT tasks and wait for each before the next
    peer.py first WORKERS                              submit one task and wait for its result
"""

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from multiprocessing import Manager


def noop(row):
    return ""


def squares(n):
    total = 0
    for i in range(n):
        total += i * i
    return total


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


def timed(workers, work):
    with ProcessPoolExecutor(workers) as pool:
        # Its workers are started before the clock is.
        list(pool.map(noop, range(4 * workers)))
        started = time.perf_counter()
        work(pool)
        return time.perf_counter() - started


def main():
    kind, *args = sys.argv[1:]
    if kind == "noop":
        file, workers, chunksize, count = args[0], *map(int, args[1:])
        with open(file, "rb") as rows:
            rows = list(islice(rows, count))
        print(timed(workers, lambda pool: sum(1 for _ in pool.map(noop, rows, chunksize=chunksize))))
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
