"""The verb that makes a repository: init."""

import os

from ..errors import EXIT_OK, BbhvError, NotFoundError
from ..host import files, resources
from ..names import InvalidNameError, is_name, parse_name
from .main import Call
from .output import Output

MINIMAL = ("metadata.json", "infrastructure/tenant.slice", "containers/web.nspawn", "README.md")
SYSTEM = ("system.json", "tenants/acme.json", "README.md")
TEMPLATES = {"minimal": MINIMAL, "system": SYSTEM}


def init(call: Call, output: Output) -> int:
    """bbhv init: writes a template into a folder that is empty or does not exist."""
    folder = call.arguments[0]
    template = "system" if call.has("--system") else call.get("--template", "minimal")
    if template not in TEMPLATES:
        raise NotFoundError(f"There is no template {ascii(template[:40])}.", hint=f"There are: {', '.join(sorted(TEMPLATES))}.")
    tenant = _tenant(call, folder)
    if os.path.isdir(folder) and set(os.listdir(folder)) - {".git"}:
        raise BbhvError(f"{folder} is not empty.", hint="Choose another folder; nothing was written.")
    for name in TEMPLATES[template]:
        text = resources.data(f"templates/{template}/{name}").decode().replace("@TENANT@", tenant)
        files.make_dir(os.path.dirname(f"{folder}/{name}"))
        files.write(f"{folder}/{name}", text.encode())
    output.say(f"{folder} is a {'system' if template == 'system' else 'tenant'} repository now. Next:")
    output.say(f"  bbhv validate {folder}")
    output.say(f"  git -C {folder} init -b main && git -C {folder} add -A && git -C {folder} commit -m 'First commit'")
    return EXIT_OK


def _tenant(call: Call, folder: str) -> str:
    if call.has("--tenant"):
        return parse_name(call.get("--tenant"))
    name = os.path.basename(os.path.abspath(folder)).removeprefix("tenant-")
    if call.has("--system") or is_name(name):
        return name
    raise InvalidNameError(f"{ascii(name[:40])} is not a tenant name.", hint="Give one: --tenant=acme")
