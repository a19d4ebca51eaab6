"""The program as it is shipped: the archive, and a way to run it."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import build

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, runnable as `bbhv`."""
    path = tmp_path_factory.mktemp("bin") / "bbhv"
    archive, ours = build.archive_bytes((sys.executable,)), f"#!{sys.executable} -IS\n".encode()
    path.write_bytes(archive.replace(build.SHEBANG, ours, 1))
    path.chmod(0o755)
    return path


@pytest.fixture
def bbhv(program: Path, tmp_path: Path) -> Run:
    """Runs the program in an empty folder, without a terminal."""

    def run(*words: str | Path, env: Mapping[str, str] | None = None) -> Done:
        environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm", **(env or {})}
        return subprocess.run([program, *words], cwd=tmp_path, env=environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, check=False)

    return run
