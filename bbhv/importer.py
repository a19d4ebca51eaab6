"""Imports the program from its archive, where most modules are not files of their own but pieces of two files:

    modules      the bytecode of what must be fast and the source of the rest, each deflated on its own, with a
                 dictionary for each of the two: what many modules have in common
    sources.xz   the sources of what `modules` has as bytecode

The bytecode is for one Python; another, of another magic number, takes the sources. `modules` is read whole with the
first import from it. After that no archive that comes in the place of this one can give wrong bytes to a later import,
which zipimport would not notice: it remembers where a file was, and opens the path again.
"""

import marshal
import sys
from _frozen_importlib import ModuleSpec, spec_from_loader
from _frozen_importlib_external import MAGIC_NUMBER
from zipimport import zipimporter

TYPE_CHECKING = False  # typing alone costs more than the shortest ways
if TYPE_CHECKING:
    from types import CodeType

# What the shortest ways through the program import is in files of its own too, so that they need not read the rest.
SHORT = frozenset(
    ("bbhv", "bbhv.__main__", "bbhv.engine", "bbhv.engine.generator", "bbhv.importer", "bbhv.version")
)
MODULES, SOURCES = "modules", "sources.xz"


class Archive(zipimporter):
    """Loads what is in `modules`. Raises ImportError, OSError, EOFError or ValueError when it is damaged."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        magic, self._packed, self._pieces = marshal.loads(self.get_data(MODULES))
        self._dictionaries: dict[int, bytes] = {}
        self._sources: dict[str, str] = {}
        if magic != MAGIC_NUMBER:
            self._sources = self._read_sources()

    def find_spec(self, fullname: str, target: object = None) -> ModuleSpec | None:
        """Where a module is, or None when there is none of that name."""
        return spec_from_loader(fullname, self) if fullname in self._pieces else None

    def get_code(self, fullname: str) -> "CodeType":
        """What the module does."""
        if self._pieces[fullname][1] and not self._sources:
            code: CodeType = marshal.loads(self._inflated(fullname))
            return code
        return compile(self.get_source(fullname), self.get_filename(fullname), "exec", dont_inherit=True)

    def get_source(self, fullname: str) -> str:
        """The text of a module, for another Python and for a traceback. Raises ImportError when it cannot be read."""
        if not self._pieces[fullname][1]:
            return self._inflated(fullname).decode()
        return (self._sources or self._read_sources())[fullname]

    def get_filename(self, fullname: str) -> str:
        """The path that a traceback shows."""
        return f"{self.archive}/{fullname.replace('.', '/')}{'/__init__' if self.is_package(fullname) else ''}.py"

    def is_package(self, fullname: str) -> bool:
        """Whether it has modules below it."""
        return bool(self._pieces[fullname][0])

    def _inflated(self, fullname: str) -> bytes:
        from zlib import decompress, decompressobj

        _, code, piece = self._pieces[fullname]
        if code not in self._dictionaries:
            self._dictionaries[code] = decompress(self._packed[code])
        return decompressobj(zdict=self._dictionaries[code]).decompress(piece)

    def _read_sources(self) -> dict[str, str]:
        from lzma import LZMAError, decompress

        try:
            found: dict[str, str] = marshal.loads(decompress(self.get_data(SOURCES)))
        except LZMAError as error:
            raise ImportError(f"{self.archive} is damaged, or was replaced: {error}") from error
        return found


class Finder:
    """Finds the modules of the archive, from the first on that is no file of its own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._archive: Archive | None = None

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Where a module is, or None when the other finders know better."""
        if not fullname.startswith("bbhv."):
            return None
        if self._archive is None:
            if fullname in SHORT:
                return None
            self._archive = Archive(self._path)
        return self._archive.find_spec(fullname)


def install(loader: object) -> None:
    """Takes over the import of the program's modules, if it comes from an archive."""
    if isinstance(loader, zipimporter):
        sys.meta_path.insert(0, Finder(loader.archive))
