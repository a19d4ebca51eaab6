"""The short way of `bbhv validate`, for what it is called with most: editors and pipelines give it one metadata.json.

When that file is right, and nothing else was asked for, all there is to say is said here, and most of the program is
never loaded. In every other case `checking` does all of the work, so that nothing is decided twice.
"""

import os

from ..errors import EXIT_OK
from .main import Call
from .output import Output, total

# Options that change nothing of what is said about a file without findings.
HARMLESS = frozenset(("--no-pager", "--no-legend", "--quiet"))
MAX_FILE = 64 << 10


def validate(call: Call, output: Output) -> int:
    """bbhv validate."""
    if call.options.keys() <= HARMLESS and len(call.arguments) == 1 and _is_sound(call.arguments[0]):
        output.say(total(0, 0))
        return EXIT_OK
    from . import checking

    return checking.validate(call, output)


def _is_sound(path: str) -> bool:
    """Whether the path is a plain metadata.json that matches its schema; False when it is not known."""
    if os.path.basename(path) != "metadata.json" or os.path.islink(path) or not os.path.isfile(path):
        return False
    from ..formats import jsontext
    from ..formats.schema.compiler import compile_schema
    from ..host import resources

    try:
        with open(path, "rb") as file:
            located, findings = jsontext.parse(path, file.read(MAX_FILE + 1), max_size=MAX_FILE)
    except OSError:
        return False
    form, damages = jsontext.parse("schema", resources.data("schemas/metadata.schema.json"))
    if located is None or form is None or findings or damages:
        return False
    return not compile_schema(form.value).check(located)
