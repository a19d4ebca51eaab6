"""The validators that ours is compared with, in a virtual environment of their own: nothing of ours depends on them."""

import shutil
import sys
from pathlib import Path

from tests.host.harness import cache
from tests.host.harness.shell import BuildError, Progress, run

HOME = Path(__file__).parents[2] / ".cache/bench/validators"
PACKAGES = ("jsonschema==4.26.0", "fastjsonschema==2.22.3", "check-jsonschema==0.39.0")
TIMEOUT = 300.0


def environment(progress: Progress) -> Path:
    """The folder of their programs, made first when it is not there or of other versions.

    Raises BuildError with pip's words when it cannot be made, as without a network.
    """
    programs, stamp = HOME / "bin", HOME / "packages"
    key = cache.digest(sys.version, *PACKAGES)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == key:
        return programs
    with progress.step(f"installing {', '.join(PACKAGES)}"):
        shutil.rmtree(HOME, ignore_errors=True)
        try:
            run([sys.executable, "-m", "venv", HOME], timeout=TIMEOUT)
            options = ("--quiet", "--disable-pip-version-check", "--retries=1", "--timeout=20")
            run([programs / "python", "-m", "pip", "install", *options, *PACKAGES], timeout=TIMEOUT)
        except BuildError as error:
            raise BuildError(f"The other validators could not be installed, which needs a network.\n{error}") from None
        stamp.write_text(key, encoding="utf-8")
    return programs
