"""What is expensive is made once and kept by the content of its recipe.

Large things live outside the checkout, in ``$XDG_CACHE_HOME/bitbuilder-build``, else ``/var/cache/bitbuilder-build``
for root and ``~/.cache/bitbuilder-build`` for others. An entry is made under a temporary name and renamed, so it is
whole or absent; a lock lets one of several processes make it while the others wait.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def home() -> Path:
    """The cache directory, made when absent."""
    if base := os.environ.get("XDG_CACHE_HOME"):
        path = Path(base) / "bitbuilder-build"
    elif os.geteuid() == 0:
        path = Path("/var/cache/bitbuilder-build")
    else:
        path = Path.home() / ".cache/bitbuilder-build"
    path.mkdir(parents=True, exist_ok=True)
    return path


def digest(*parts: str | bytes) -> str:
    """A short name for a content: SHA-256 over the parts and their lengths."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(f"{len(data)}:".encode() + data)
    return state.hexdigest()[:16]


def digest_files(root: Path, *patterns: str) -> str:
    """The content name of all files of a directory that match: their paths, modes, link targets and bytes."""
    parts: list[str | bytes] = []
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            if "__pycache__" in path.parts:
                continue
            if path.is_symlink():
                parts += [str(path.relative_to(root)), "link", os.readlink(path)]
            elif path.is_file():
                parts += [str(path.relative_to(root)), oct(path.stat().st_mode), path.read_bytes()]
    return digest(*parts)


def entry(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """The cache entry ``NAME-KEY``. When absent, `make` writes it at the temporary path it is given."""
    path = home() / f"{name}-{key}"
    if not path.exists():
        with locked(home() / f".{name}.lock"):
            if not path.exists():
                _make(path, make)
    return path


def _make(path: Path, make: Callable[[Path], None]) -> None:
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        make(scratch / "new")
        (scratch / "new").rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file exclusively, waiting for whoever has it."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
