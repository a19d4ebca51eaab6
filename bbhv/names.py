"""Names of tenants, objects and units, and the one place that escapes text for systemd.

No text of a tenant reaches a unit file, a unit name or a host path except through the functions of this module.
Names are checked by allow-list: ``^[a-z][a-z0-9]*(-[a-z0-9]+)*$``, at most 24 characters.
"""

from .errors import BbhvError

MAX_NAME = 24
UID_COUNT = 65536  # the user ids of each container
MAX_INTERFACE = 15  # IFNAMSIZ without the NUL
# The groups of the host's interfaces, by which a filter knows whose they are before it knows their names: the networks
# of tenants, the host's ends of what connects workloads, and the ways from one network to another. And its tables.
NETWORK_GROUP, PORT_GROUP, WAY_GROUP = 25186, 25187, 25188
FILTER_TABLE = "bitbuilder"
PORT_PREFIX = "bb-"  # of the host's ends of what connects workloads; systemd-networkd leaves them alone
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
_ALNUM = _LOWER | frozenset("0123456789")
_HEX = frozenset("0123456789abcdef")
_UNIT_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.")
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MANY = 12  # letters of a digest, which are 71 bits: who has another's name would search for 10^21 names
_WORD_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@+=:,./_-")

NAME_RULE = (
    "a name is lower-case letters, digits and single dashes, starts with a letter, "
    f"and has at most {MAX_NAME} characters"
)


class InvalidNameError(BbhvError):
    """A name breaks the rule for tenant ids and object names."""


def is_name(text: str) -> bool:
    """Whether the text may name a tenant or an object of a tenant."""
    if not 0 < len(text) <= MAX_NAME or text[0] not in _LOWER:
        return False
    return all(part and _ALNUM.issuperset(part) for part in text.split("-"))


def parse_name(text: str, what: str = "tenant") -> str:
    """The text, when it is a name. Raises InvalidNameError otherwise."""
    if not is_name(text):
        raise InvalidNameError(
            f"{ascii(text[:64])} is not a {what} name.", hint=f"{NAME_RULE[0].upper()}{NAME_RULE[1:]}."
        )
    return text


def parse_workload(text: str) -> tuple[str, str]:
    """``web.acme`` as its object name and its tenant. Raises InvalidNameError for anything else."""
    name, dot, tenant = text.partition(".")
    if not dot or not is_name(name) or not is_name(tenant):
        raise InvalidNameError(
            f"{ascii(text[:64])} is not a workload.", hint="A workload is NAME.TENANT, for example web.acme."
        )
    return name, tenant


def is_object_id(text: str) -> bool:
    """Whether the text is a whole git object id in lower-case hexadecimal, SHA-1 or SHA-256."""
    return len(text) in (40, 64) and _HEX.issuperset(text)


def is_sha256(text: str) -> bool:
    """Whether the text is a SHA-256 digest in lower-case hexadecimal."""
    return len(text) == 64 and _HEX.issuperset(text)


def workload(name: str, tenant: str) -> str:
    """The host-wide name of a workload, which is its machined name and its unit instance."""
    return f"{name}.{tenant}"


def container_unit(name: str, tenant: str) -> str:
    """The unit of a container."""
    return f"tenant-container@{workload(name, tenant)}.service"


def machine_unit(name: str, tenant: str) -> str:
    """The unit of a virtual machine."""
    return f"tenant-machine@{workload(name, tenant)}.service"


def machine_user(tenant: str) -> str:
    """The user that runs the machines of a tenant, and nothing else on the host."""
    return f"bb-{_digest(tenant, 16)}"


def workload_of(unit: str) -> tuple[str, str, str]:
    """The kind, the name and the tenant of the workload that a unit runs; empty texts for any other unit."""
    template, _, instance = unit.partition("@")
    kind, (name, _, tenant) = template.removeprefix("tenant-"), instance.removesuffix(".service").partition(".")
    known = kind in ("container", "machine") and is_name(name) and is_name(tenant)
    return (kind, name, tenant) if known and unit == f"tenant-{kind}@{name}.{tenant}.service" else ("", "", "")


def interface_name(name: str, tenant: str) -> str:
    """The host's name of a tenant's interface: NAME.TENANT, or when the kernel's 15 characters are too few for it, the
    beginning of NAME and a digest of both. Another tenant must not find a name with the same digest, because it would
    be in the network of this one: so the digest takes what room there is."""
    whole = workload(name, tenant)
    return whole if len(whole) <= MAX_INTERFACE else f"{name[:2].rstrip('-')}.{_letters(whole)}"


def port_name(workload_name: str, network: str, tenant: str) -> str:
    """The host's end of what connects a workload to a network of its tenant, and nothing else on the host."""
    return PORT_PREFIX + _letters(f"{workload_name}.{tenant} {network}")


def inner_name(workload_name: str, network: str, tenant: str) -> str:
    """What the other end is called until the workload has it."""
    return PORT_PREFIX + _letters(f"{workload_name}.{tenant} {network} inside")


def hardware_address(what: str, host: str) -> str:
    """A hardware address that stays the same, and that no other host has for the same: locally administered, of one
    device (IEEE 802, clause 8)."""
    digits = _digest(f"{host} {what}", 10)
    return ":".join(("02", *(digits[at : at + 2] for at in range(0, 10, 2))))


def _digest(text: str, length: int) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _letters(text: str) -> str:
    """A digest of the text in as few characters as a name of an interface can have it."""
    number, found = int(_digest(text, 32), 16), ""
    for _ in range(_MANY):
        number, digit = divmod(number, len(_LETTERS))
        found += _LETTERS[digit]
    return found


def network_unit(tenant: str) -> str:
    """The unit that has the networks of a tenant on the host."""
    return f"tenant-network@{tenant}.service"


def control_socket(tenant: str) -> str:
    """The socket on which containers of a tenant reach the API."""
    return f"bitbuilder-varlink@{tenant}.socket"


def control_service(tenant: str) -> str:
    """The service that answers there."""
    return f"bitbuilder-varlink@{tenant}.service"


def infra_unit(tenant: str) -> str:
    """The unit that prepares what the workloads of a tenant share."""
    return f"tenant-infra@{tenant}.service"


def tenant_unit(tenant: str) -> str:
    """The unit that is the tenant."""
    return f"tenant@{tenant}.service"


def confirm_unit(tenant: str) -> str:
    """The unit that goes back when nobody has confirmed; its timer has the same name."""
    return f"tenant-confirm@{tenant}.service"


def health_unit(name: str, tenant: str) -> str:
    """The unit that asks a workload whether it is healthy."""
    return f"tenant-health@{workload(name, tenant)}.service"


def script_unit(script: str, tenant: str) -> str:
    """The unit that runs a script of a tenant."""
    return f"tenant-script@{workload(script, tenant)}.service"


def script_user(tenant: str) -> str:
    """The user that exists while a script of a tenant runs: by a name of its own, which gives it an id of its own."""
    return f"bbhv-{tenant}"


def tenant_slice(tenant: str) -> str:
    """The slice of a tenant. A dash is escaped, because it would nest the slice below another tenant's."""
    return f"tenants-{unit_escape(tenant)}.slice"


def unit_escape(text: str) -> str:
    """systemd-escape(1) of a string: ``/`` becomes ``-``, and what a unit name cannot hold, or ``-``, ``\\xNN``."""
    out = []
    for index, byte in enumerate(text.encode()):
        char = chr(byte)
        if char == "/":
            out.append("-")
        elif char in _UNIT_SAFE and not (char == "." and index == 0):
            out.append(char)
        else:
            out.append(f"\\x{byte:02x}")
    return "".join(out)


def specifier_escape(text: str) -> str:
    """The text with ``%`` doubled, so that systemd expands no specifier in it (systemd.unit(5), Specifiers)."""
    return text.replace("%", "%%")


def quote_word(text: str) -> str:
    """One word of a list setting such as Environment=: specifiers doubled, C escapes inside double quotes.

    Raises InvalidNameError for NUL, which no unit file can hold.
    """
    if "\0" in text:
        raise InvalidNameError("A setting cannot hold a NUL character.")
    if text and _WORD_SAFE.issuperset(text):
        return text
    out = []
    for char in specifier_escape(text):
        if char in '"\\':
            out.append("\\" + char)
        elif char.isprintable():
            out.append(char)
        else:
            out.extend(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
    return '"' + "".join(out) + '"'


def exec_line(argv: tuple[str, ...]) -> str:
    """A command line for ExecStart=: every argument reaches the program exactly as given.

    ``$`` is doubled as well (systemd.service(5), Command lines). The program must be an absolute path.
    """
    if not argv or not argv[0].startswith("/"):
        raise InvalidNameError(f"ExecStart= needs an absolute path, not {ascii(argv[0] if argv else '')}.")
    return " ".join(quote_word(arg.replace("$", "$$")) for arg in argv)
