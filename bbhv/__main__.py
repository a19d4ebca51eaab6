"""The doors of the program: the right one is chosen before anything is imported. The only exit is here."""

import os
import sys


def door(words: list[str]) -> int:
    """Does what the command line says, and returns the exit status."""
    if words == ["--version"] and sys.stdout:
        from .version import VERSION

        sys.stdout.write(f"bbhv {VERSION}\n")
        return 0
    if words == ["worker", "refs"]:
        # Every sync of many tenants starts it, so it comes without the command line.
        from .engine.repository.refs import work

        return work()
    if words == ["worker", "download"]:
        from .engine.storage import download  # the same, for whoever waits for an image

        return download.work()
    if words[:2] in (["worker", "probe"], ["worker", "enter"]):
        from .engine.tenant import probing  # started again and again while a change is watched

        return probing.work(words[1:])
    from .cli.main import run

    return run(words)


def _ended(why: str, status: int) -> int:
    """The status of an end that may come at any moment, also before there is anything that could word it better."""
    try:
        sys.stderr.write(f"bbhv: {why}\n")
    except (AttributeError, OSError):
        pass  # nobody can be told, but the status says it
    return status


def main() -> None:
    """Runs the verb of the command line and exits with its status.

    To take the interpreter apart would cost a fifth of a short command and serve nobody: what is open was closed by
    its `with`, threads were joined by theirs, and what is buffered is written here.
    """
    try:
        status = door(sys.argv[1:])
    except KeyboardInterrupt:
        status = _ended("Interrupted.", 130)
    except MemoryError:
        status = _ended("There is not enough memory for this.", 1)
    try:
        sys.stdout.flush()
    except (AttributeError, BrokenPipeError):
        pass  # there was no reader, or it went away, which is its right
    except OSError as error:
        status = _ended(f"Standard output cannot be written: {error.strerror}.", status or 1)
    os._exit(status)


if __name__ == "__main__":
    main()
