"""What can go wrong, as types, and the exit statuses that they mean.

Every error of this project derives from `BbhvError`, carries a sentence and a hint, and knows its exit status.
Library code raises; only the doors (cli/, ipc/) turn an error into text or a reply.
"""

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_FINDINGS = 3
EXIT_REFUSED = 4
EXIT_NOT_FOUND = 5
EXIT_BUSY = 75


def printable(text: str) -> str:
    """The text with every control character shown as an escape: input may be quoted, but never drives a terminal."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii") for c in text
    )


class BbhvError(Exception):
    """The root of all errors: `message` says what and where, `hint` what to do next (may be empty)."""

    status = EXIT_FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} hint: {self.hint}" if self.hint else self.message


class UsageError(BbhvError):
    """The command line is wrong."""

    status = EXIT_USAGE


class RefusedError(BbhvError):
    """Trust, a grant or a permission says no."""

    status = EXIT_REFUSED


class NotYetError(BbhvError):
    """It failed before, and it is too early to try again; nothing was done."""


class NotFoundError(BbhvError):
    """There is no such thing."""

    status = EXIT_NOT_FOUND


class NoSuchTenantError(NotFoundError):
    """This host has no tenant of that name."""

    def __init__(self, message: str, *, tenant: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.tenant = tenant


class BusyError(BbhvError):
    """Somebody else holds the lock; `holder` says who."""

    status = EXIT_BUSY

    def __init__(self, message: str, *, holder: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.holder = holder


class CommandError(BbhvError):
    """A program that we ran failed: carries the command, its exit status (negative: a signal) and its last words."""

    def __init__(self, argv: tuple[str, ...], returncode: int, stderr: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.argv = argv
        self.returncode = returncode
        self.stderr = stderr
