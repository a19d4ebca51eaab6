"""The verbs that measure: usage, for people, and metrics, for programs that collect numbers."""

import sys

from ..engine import usage as engine
from ..errors import EXIT_OK
from ..formats.jsontext import Json
from .figures import show
from .looking import nobody
from .main import Call
from .output import Output


def usage(call: Call, output: Output) -> int:
    """bbhv usage: a line for each tenant, and one below it for each of its workloads."""
    reply: dict[str, Json] = {"tenants": [one.as_json() for one in engine.usage(call.tenants() or None)]}
    if output.json != "off":
        output.value(reply)
    elif not reply["tenants"]:
        nobody(output)
    else:
        show(call, reply, output)
    return EXIT_OK


def metrics(call: Call, output: Output) -> int:
    """bbhv metrics: the text as it is, or in JSON as the reply of the interface has it."""
    from ..engine.metrics import metrics as gather

    text = gather()
    if output.json != "off":
        output.value({"text": text})
    else:
        sys.stdout.write(text)
    return EXIT_OK
