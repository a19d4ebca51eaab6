"""The doors of the program: the right one is chosen before anything is imported. The only exit is here."""

import sys


def main() -> None:
    """Runs the verb of the command line and exits with its status."""
    if sys.argv[1:] == ["--version"]:
        from .version import VERSION

        sys.stdout.write(f"bbhv {VERSION}\n")
        sys.exit(0)
    from .cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
