"""`importlib.resources` over the files of a script."""

import io
from importlib.resources.abc import Traversable, TraversableResources


class Resources(TraversableResources):
    def __init__(self, bundle, folder: str):
        self.bundle, self.folder = bundle, folder

    def files(self):
        return Entry(self.bundle, self.folder.rstrip("/"))


class Entry(Traversable):
    """A file or a folder of the script."""

    def __init__(self, bundle, path: str):
        self.bundle, self.path = bundle, path

    @property
    def name(self):
        return self.path.rpartition("/")[2]

    def is_file(self):
        return self.path in self.bundle.files

    def is_dir(self):
        return any(name.startswith(self.path + "/") for name in self.bundle.files)

    def iterdir(self):
        inside = (name.removeprefix(self.path + "/") for name in self.bundle.files if name.startswith(self.path + "/"))
        return iter([Entry(self.bundle, self.path + "/" + name) for name in sorted({n.partition("/")[0] for n in inside})])

    def joinpath(self, *names):
        return Entry(self.bundle, "/".join([self.path, *names])) if names else self

    __truediv__ = joinpath

    def open(self, mode="r", *args, **options):
        if not self.is_file():
            raise FileNotFoundError(2, "it is not a file of the script", self.path)
        content = io.BytesIO(self.bundle.files[self.path])
        return content if "b" in mode else io.TextIOWrapper(content, *args, **options)
