"""Quadlet, the generator of podman, which ours is compared with: one program out of Debian's package."""

import os
from pathlib import Path

from tests.host.harness import cache, trees
from tests.host.harness.shell import Progress, run

# $1 is a tree of the release, whose sources and keys are used; $2 is empty. apt is the machine's own.
_RECIPE = r"""
set -eu
mkdir -p "$2/lists/partial" "$2/archives/partial"
: > "$2/status"
get() {
    apt-get -qq -o Dir::State="$2" -o Dir::State::status="$2/status" -o Dir::Cache="$2" \
        -o Dir::Etc::SourceList="$1/etc/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::Etc::Trusted=/dev/null -o Dir::Etc::TrustedParts="$1/etc/apt/trusted.gpg.d" \
        -o Acquire::Languages=none -o APT::Sandbox::User=root "$3" ${4:+"$4"}
}
cd "$2"
get "$1" "$2" update
get "$1" "$2" download podman
dpkg-deb -x podman_*.deb files
"""
_PROGRAM = "usr/libexec/podman/quadlet"


def program(progress: Progress) -> Path:
    """The program of Debian 13's package, fetched once."""
    tree = trees.host_tree("trixie", progress)

    def make(path: Path) -> None:
        with progress.step("fetching podman's generator from the Debian archive"):
            scratch = path.with_name("scratch")
            scratch.mkdir()
            run(["sh", "-c", _RECIPE, "recipe", tree, scratch])
            os.rename(scratch / "files" / _PROGRAM, path)

    return cache.entry("quadlet", cache.digest(_RECIPE, tree.name), make)
