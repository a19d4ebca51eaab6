"""The doors of the program: the right one is chosen before anything is imported. The only exit is here."""

import os
import sys


def door(words: list[str]) -> int:
    """Does what the command line says, and returns the exit status."""
    if words == ["--version"] and sys.stdout:
        from .version import VERSION

        sys.stdout.write(f"bbhv {VERSION}\n")
        return 0
    from .cli.main import run

    return run(words)


def main() -> None:
    """Runs the verb of the command line and exits with its status.

    To take the interpreter apart would cost a fifth of a short command and serve nobody: what is open was closed by
    its `with`, threads were joined by theirs, and what is buffered is written here.
    """
    status = door(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # the reader went away, which is its right
    except OSError as error:
        sys.stderr.write(f"bbhv: Standard output cannot be written: {error.strerror}.\n")
        status = status or 1
    os._exit(status)


if __name__ == "__main__":
    main()
