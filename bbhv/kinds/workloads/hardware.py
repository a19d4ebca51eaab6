"""How values read that make up the hardware of a machine: memory, SMBIOS strings, the kernel's command line."""

from .. import values as v

# Below, no kernel with an initrd starts; above, the amount is a slip of the pen.
MIN_RAM = 64 << 20
MAX_RAM = 16 << 40
MAX_STRING = 1024
_PLAIN_SECRET = "It would be readable by everybody who reads the repository. Write Credential= in [X-Bitbuilder]."
# systemd.system-credentials(7), systemd-stub(7) and smbios-type-11(7) say what these words do.
_KERNEL_SECRETS = ("systemd.set_credential=", "systemd.set_credential_binary=")
_SMBIOS_KERNEL = ("io.systemd.stub.kernel-cmdline-extra=", "io.systemd.boot.kernel-cmdline-extra=")


def ram(value: str) -> int:
    """An amount of memory that a machine can start with, in bytes."""
    if ":" in value:
        message = f"{_amount(value)} asks for memory that can be added later."
        raise v.Unreadable(message, "Write one amount, such as 2G: memory is not added to a running machine.")
    try:
        amount = v.size(value)
    except v.Unreadable as error:
        raise v.Unreadable(str(error), _meant(value) or error.hint) from None
    if amount < MIN_RAM:
        hint = f"Write {value}M for that many megabytes." if value.isascii() and value.isdecimal() else ""
        raise v.Unreadable(f"{_amount(value)} is less than {v.show_size(MIN_RAM)}.", hint)
    if amount > MAX_RAM:
        raise v.Unreadable(f"{_amount(value)} is more than {v.show_size(MAX_RAM)}.")
    return amount


def _amount(value: str) -> str:
    """The amount as the beginning of a sentence."""
    return f"The amount {v.quoted(value)}"


def _meant(value: str) -> str:
    """A hint with the amount as it is to be written, when only its unit is odd: 1GB, 1GiB, 1g."""
    plain = value.upper().removesuffix("B").removesuffix("I") if value.isascii() else ""
    try:
        v.size(plain)
    except v.Unreadable:
        return ""
    return f"Write {plain}." if plain != value else ""


def smbios_string(value: str) -> str:
    """A string for SMBIOS type 11, see smbios-type-11(7)."""
    v.text(value)
    if len(value.encode()) > MAX_STRING or not value.isprintable():
        raise v.Unreadable(f"The string has more than {MAX_STRING} bytes, or what cannot be printed.")
    if value.startswith("io.systemd.credential"):
        raise v.Unreadable("A credential would be written out.", _PLAIN_SECRET)
    if value.startswith(_SMBIOS_KERNEL):
        raise v.Unreadable("The string is for the kernel's command line.", "Write it into KernelCommandLine=.")
    return value


def kernel_words(value: str) -> tuple[str, ...]:
    """Words for the kernel's command line, as they stand: quotes belong to the kernel."""
    v.text(value)
    if len(value) > MAX_STRING or not value.replace("\t", " ").isprintable() or not value.isascii():
        raise v.Unreadable(f"A command line has at most {MAX_STRING} characters, all of them ASCII.")
    words = tuple(value.split())
    # systemd takes - for _ in the names of the kernel's parameters.
    if any(word.lstrip("\"'").replace("-", "_").startswith(_KERNEL_SECRETS) for word in words):
        raise v.Unreadable("A credential would be written out.", _PLAIN_SECRET)
    if not words:
        raise v.Unreadable("The command line is empty.", "Write words such as console=ttyS0.")
    return words
