"""The verb purge: what is removed is shown, and asked about where there is somebody to ask, whoever removes it."""

from collections.abc import Callable, Sequence

from ..errors import EXIT_OK, UsageError
from ..formats.jsontext import Json
from .asking import agreed
from .main import Call
from .output import Output, text


def purge(
    call: Call, output: Output, look: Callable[[str, str], Sequence[str]],
    remove: Callable[[str, str], dict[str, Json]],
) -> int:  # fmt: skip
    """bbhv purge. Given a tenant and the name of a volume or an empty text, `look` says what would be removed, and
    `remove` removes it and gives the reply."""
    (tenant,), volume = call.tenants(), call.get("--volume")
    if call.has("--volume") and not volume:
        raise UsageError("--volume= needs the name of a volume.")
    found = look(tenant, volume)
    if not call.has("--yes"):
        agreed(found, volume or tenant)
    reply = remove(tenant, volume)
    if output.json != "off":
        output.value(reply)
        return EXIT_OK
    removed = reply["removed"]
    for path in removed if isinstance(removed, list) else ():
        output.say(f"Removed {text(path)}.")
    return EXIT_OK
