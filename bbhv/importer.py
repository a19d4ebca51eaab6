"""Imports the program from its archive, where most modules are not files of their own but pieces of two files:

    modules      the bytecode of what must be fast, each module deflated on its own with a dictionary of what many have
                 in common, and the sources of all others together
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
        magic, self._packed, self._pieces, self._others = marshal.loads(self.get_data(MODULES))
        self._dictionary = b""
        self._slow: dict[str, str] = {}
        self._sources: dict[str, str] = {}
        if magic != MAGIC_NUMBER:
            self._sources = self._texts(self.get_data(SOURCES))

    def find_spec(self, fullname: str, target: object = None) -> ModuleSpec | None:
        """Where a module is, or None when there is none of that name."""
        return spec_from_loader(fullname, self) if fullname in self._pieces else None

    def get_code(self, fullname: str) -> "CodeType":
        """What the module does."""
        piece = self._pieces[fullname][1]
        if piece and not self._sources:
            code: CodeType = marshal.loads(self._inflated(piece))
            return code
        return compile(self.get_source(fullname), self.get_filename(fullname), "exec", dont_inherit=True)

    def get_source(self, fullname: str) -> str:
        """The text of a module, for another Python and for a traceback. Raises ImportError when it cannot be read."""
        try:
            if self._pieces[fullname][1]:
                return (self._sources or self._texts(self.get_data(SOURCES)))[fullname]
            self._slow = self._slow or self._texts(self._others)
            return self._slow[fullname]
        except (KeyError, EOFError, OSError) as error:
            raise self._damaged(error) from error

    def get_filename(self, fullname: str) -> str:
        """The path that a traceback shows."""
        return f"{self.archive}/{fullname.replace('.', '/')}{'/__init__' if self.is_package(fullname) else ''}.py"

    def is_package(self, fullname: str) -> bool:
        """Whether it has modules below it."""
        return bool(self._pieces[fullname][0])

    def _inflated(self, piece: bytes) -> bytes:
        from zlib import decompress, decompressobj

        self._dictionary = self._dictionary or decompress(self._packed)
        return decompressobj(zdict=self._dictionary).decompress(piece)

    def _texts(self, packed: bytes) -> dict[str, str]:
        from lzma import LZMAError, decompress

        try:
            found: dict[str, str] = dict(marshal.loads(decompress(packed)))
        except (LZMAError, EOFError, TypeError, ValueError) as error:
            raise self._damaged(error) from error
        return found

    def _damaged(self, error: Exception) -> ImportError:
        return ImportError(f"{self.archive} is damaged, or was replaced: {error or type(error).__name__}")


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
