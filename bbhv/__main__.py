"""The doors of the program: the right one is chosen before anything is imported. The only exit is here."""

import sys


def door(words: list[str]) -> int:
    """Does what the command line says, and returns the exit status."""
    if words == ["--version"]:
        from .version import VERSION

        sys.stdout.write(f"bbhv {VERSION}\n")
        return 0
    from .cli.main import run

    return run(words)


def main() -> None:
    """Runs the verb of the command line and exits with its status."""
    sys.exit(door(sys.argv[1:]))


if __name__ == "__main__":
    main()
