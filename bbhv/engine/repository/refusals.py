"""What trust or history refused a short while ago: it is not fetched again only to be refused again.

    /run/bitbuilder/refused/acme    the commit, a digest of who decided, until when that counts, and what was said

Nothing of a refused commit is kept, so to look at it again costs a fetch. When its server says that the branch is
still there (`asking`), the timer says again what was said, for an hour, unless somebody changed what decides. Who asks
by hand has it fetched and judged again.
"""

import json
import os
import time

from ...errors import BbhvError, RefusedError
from ...host import files
from ...model.authority import Authority
from .. import paths

SECONDS = 3600
MAX_NOTE = 64 << 10


def note(name: str, oid: str, authority: Authority, error: RefusedError) -> None:
    """Remembers a refusal."""
    from ...model import trust  # only who is refused pays for it

    texts = (oid, trust.digest(authority, oid), str(_now() + SECONDS), error.message, error.hint)
    files.make_private(paths.RUN_REFUSED)
    files.write(f"{paths.RUN_REFUSED}/{name}", json.dumps(texts).encode(), 0o600)


def say_again(name: str, oid: str, authority: Authority) -> None:
    """Raises RefusedError, as it was raised before, when nothing has changed since."""
    from ...model import trust

    try:
        texts = json.loads(files.read(f"{paths.RUN_REFUSED}/{name}", MAX_NOTE) or b"[]")
        known, digest, until, message, hint = map(str, texts)
    except (BbhvError, ValueError, TypeError):
        return
    fresh = until.isdigit() and _now() < int(until) <= _now() + SECONDS
    if known == oid and fresh and digest == trust.digest(authority, oid):
        raise RefusedError(message, hint=hint)


def forget(name: str) -> None:
    """A commit was accepted, which may change what is refused."""
    if os.path.lexists(f"{paths.RUN_REFUSED}/{name}"):
        files.discard(f"{paths.RUN_REFUSED}/{name}")


def _now() -> int:
    return int(time.clock_gettime(time.CLOCK_BOOTTIME))
