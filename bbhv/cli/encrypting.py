"""The verb credential: a secret becomes a file that a tenant may commit, for this host alone to decrypt.

The secret comes from standard input, from a file, or from a person who types it twice without seeing it. It is never
an argument, and nothing that is printed has it.
"""

import os
import sys
from collections.abc import Callable
from typing import BinaryIO

from ..errors import BbhvError, EXIT_OK, UsageError
from ..findings import printable
from ..formats.jsontext import Json
from ..host import files
from ..kinds.table import METADATA
from ..model.credentials import MAX_OF_UNIT
from ..names import InvalidNameError, parse_name
from .main import Call
from .output import Output

ACTIONS = ("encrypt",)
STANDARD_INPUT = "-"


def credential(call: Call, output: Output) -> int:
    """bbhv credential encrypt TENANT NAME [FILE]."""
    from ..engine import secrets, world

    host = world.load()

    def make(tenant: str, name: str, secret: bytes) -> tuple[str, str]:
        key, not_after = call.get("--with-key", "auto"), call.get("--not-after")
        made = secrets.encrypt(host, tenant, name, secret, key=key, not_after=not_after)
        return made.decode("ascii"), world.name_of(host.settings)

    return encrypt(call, output, lambda tenant: host.registered(tenant), make)


def encrypt(
    call: Call, output: Output, check: Callable[[str], object], make: Callable[[str, str, bytes], tuple[str, str]]
) -> int:
    """The same with somebody else's hands: `check` raises BbhvError when there is no such tenant, before anybody types
    a secret; `make` makes of a tenant, a name and the secret the text of the file, and says for which host it is."""
    action, *rest = call.arguments
    if action not in ACTIONS:
        raise UsageError(f"There is no bbhv credential {ascii(action[:40])}.", hint="bbhv credential encrypt encrypts.")
    if len(rest) < 2:
        raise UsageError("bbhv credential encrypt takes TENANT NAME [FILE].", hint="Write - for standard input.")
    tenant, name = _name(rest[0], "tenant"), _name(rest[1], "credential")
    if call.has("--output") and not call.get("--output"):
        raise UsageError("--output= needs the path of a file or a folder.")
    check(tenant)
    secret = _secret(rest[2] if len(rest) > 2 else STANDARD_INPUT, f"{name} of {tenant}")
    text, here = make(tenant, name, secret)
    path = f"credentials/{here}/{name}.cred" if call.has("--this-host") else f"infrastructure/credentials/{name}.cred"
    file = _write(call.get("--output"), path, text) if call.has("--output") else ""
    if output.json != "off":
        found: dict[str, Json] = {"tenant": tenant, "name": name, "host": here, "path": path, "file": file or None,
                                  "text": text}  # fmt: skip
        output.value(found)
        return EXIT_OK
    if not file:
        sys.stdout.write(text)
    _tell(file, path, name, secret, output)
    return EXIT_OK


def _name(word: str, what: str) -> str:
    try:
        return parse_name(word, what)
    except InvalidNameError as error:
        raise UsageError(error.message, hint=error.hint) from None


def _tell(file: str, path: str, name: str, secret: bytes, output: Output) -> None:
    """What to do now: beside the file on a terminal, never in it."""
    if file:
        output.say(f"Wrote {printable(file)}.")
    if not output.legend or output.quiet:
        return
    lines = [f"Commit it as {printable(path)}, and write Credential={name} in [X-Bitbuilder] of what needs it."]
    if secret.endswith(b"\n"):
        lines.append("The secret ends with a newline, which is a part of it.")
    for line in lines:
        (sys.stdout if file else sys.stderr).write(f"{line}\n")


def _write(place: str, path: str, text: str) -> str:
    """Writes the file, in a folder under the name that it needs there: a repository has a place for it."""
    file = place
    if os.path.isdir(place):
        own = path if os.path.exists(f"{place}/{METADATA}") else os.path.basename(path)
        file = f"{place.rstrip('/')}/{own}"
        files.make_dir(files.parent(file))
    files.write(file, text.encode())
    return file


def _secret(word: str, what: str) -> bytes:
    """The secret, at most a byte more than one may have. Raises BbhvError when it cannot be read."""
    if word != STANDARD_INPUT:
        with open(word, "rb", buffering=0) as file:  # which may be a pipe, such as of <(pass show db)
            return _bounded(file)
    if sys.stdin is None:
        raise UsageError("There is no standard input to read the secret from.", hint="Name a file.")
    if sys.stdin.isatty():
        return _typed(what)
    return _bounded(sys.stdin.buffer)


def _bounded(file: BinaryIO) -> bytes:
    found = bytearray()
    while len(found) <= MAX_OF_UNIT and (data := file.read(1 << 16)):
        found += data
    return bytes(found)


def _typed(what: str) -> bytes:
    """What a person types at the terminal, twice the same, without an echo."""
    from getpass import getpass

    try:
        first = getpass(f"Credential {what} (no echo): ")
        same = first == getpass("The same again: ")
    except EOFError:
        raise BbhvError("The input ended; nothing was encrypted.") from None
    if not same:
        raise BbhvError("The two are not the same; nothing was encrypted.")
    return os.fsencode(first)
