"""The configuration of a clone (git-config(1)): all of it is ours, so that a pull by hand works and runs nothing."""

from .gitobject import Algorithm


def configuration(url: str, branch: str, kind: Algorithm, protocols: tuple[str, ...]) -> str:
    """The whole configuration of a clone: nothing that runs a program, nothing that writes a file."""
    lines = [
        "# Written by bbhv; changes are undone by the next sync.",
        "[core]",
        f"\trepositoryformatversion = {1 if kind == 'sha256' else 0}",
        "\tfilemode = true\n\tbare = false\n\tlogAllRefUpdates = false\n\tsymlinks = false",
        "\tsparseCheckout = true\n\tsparseCheckoutCone = false\n\thooksPath = /dev/null\n\tfsmonitor = false",
        "\tattributesFile = /dev/null\n\tprotectHFS = true\n\tprotectNTFS = true\n\tfsync = all",
        *(["[extensions]", "\tobjectFormat = sha256"] if kind == "sha256" else []),
        "[transfer]\n\tfsckObjects = true\n\tbundleURI = false",
        "[fetch]\n\tfsckObjects = true\n\trecurseSubmodules = false\n\twriteCommitGraph = false",
        "[submodule]\n\trecurse = false",
        "[pull]\n\tff = only",
        "[gc]\n\tauto = 0",
        "[maintenance]\n\tauto = false",
        "[protocol]\n\tallow = never",
        *(f"[protocol {_quoted(name)}]\n\tallow = always" for name in protocols),
        '[remote "origin"]',
        f"\turl = {_quoted(url)}",
        f"\tfetch = {_quoted(f'+refs/heads/{branch}:refs/remotes/origin/{branch}')}",
        "\ttagOpt = --no-tags",
        f"[branch {_quoted(branch)}]",
        "\tremote = origin",
        f"\tmerge = {_quoted(f'refs/heads/{branch}')}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
