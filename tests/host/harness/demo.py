"""The demonstration: what an operator and two tenants see, from installing the product to switching the host off.

Every step says what happens and why, shows the commands that a person would type, and checks what it claims: a step
whose claim is not true ends the demonstration.
"""

import json
from pathlib import Path

from .host import Host
from .shell import BuildError, Progress

GIT = ("env", "GIT_AUTHOR_NAME=Ops", "GIT_AUTHOR_EMAIL=ops@example.com", "GIT_COMMITTER_NAME=Ops",
       "GIT_COMMITTER_EMAIL=ops@example.com", "HOME=/root", "git")
CONTAINER = "[Exec]\nBoot=yes\nEnvironment=ROLE={role}\n\n[X-Bitbuilder]\nImage=debian-13\nMemoryMax=256M\n"
BROKEN = "[Exec]\nBoot=yes\nMemoryMax=256M\n\n[X-Bitbuilder]\nImage=debian-12\nMemoryMax=a lot\n"
ENDS = "[Exec]\nBoot=no\nParameters=/bin/false\n\n[X-Bitbuilder]\nImage=debian-13\n"


class Story:
    """Tells the demonstration on one host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.count = 0

    def tell(self, title: str, why: str) -> None:
        """Begin a step."""
        self.count += 1
        print(f"\n── {self.count}. {title}\n   {why}\n", flush=True)

    def show(self, *argv: str, status: int = 0, quiet: bool = False) -> str:
        """Run a command on the host as a person would see it; its exit status must be the expected one."""
        done = self.host.run(argv, check=False, timeout=180)
        if not quiet:
            words = argv[argv.index("git"):] if "git" in argv else argv
            print(f"   # {' '.join(words)}")
            print("".join(f"   {line}\n" for line in (done.stdout + done.stderr).splitlines()), flush=True)
        if done.returncode != status:
            raise BuildError(f"{' '.join(argv)} ended with {done.returncode}, not {status}: {done.stdout}{done.stderr}")
        return done.stdout

    def commit(self, repository: str, message: str, files: dict[str, str]) -> None:
        """Change files in a tenant's work tree, commit and push."""
        for name, text in files.items():
            self.host.put(f"{repository}/{name}", text)
        for arguments in (("add", "-A"), ("commit", "-qm", message), ("push", "-q", "origin", "main")):
            self.show(*GIT, "-C", repository, *arguments, quiet=True)
        print(f"   # git -C {repository} commit -m '{message}' && git push\n", flush=True)

    def repository(self, name: str) -> str:
        """A bare repository as a forge would have it, and the work tree of whoever pushes to it."""
        self.show(*GIT, "init", "-q", "--bare", "-b", "main", f"/srv/git/{name}.git", quiet=True)
        self.show(*GIT, "clone", "-q", f"file:///srv/git/{name}.git", f"/root/{name}", quiet=True)
        self.show(*GIT, "-C", f"/root/{name}", "checkout", "-q", "-B", "main", quiet=True)
        return f"/root/{name}"

    def claim(self, what: str, true: bool) -> None:
        """Check what was said."""
        print(f"   {'✓' if true else '✗'} {what}", flush=True)
        if not true:
            raise BuildError(f"The demonstration claims what is not so: {what}.")

    def leader(self, machine: str) -> str:
        """The leader process of a workload."""
        return self.host.run(["machinectl", "show", "--value", "--property=Leader", machine]).stdout.strip()

    def tenant(self, name: str) -> dict[str, object]:
        """What the host says of a tenant."""
        found = json.loads(self.host.run(["bbhv", "status", name, "--json=short"]).stdout)["tenants"][0]
        assert isinstance(found, dict)
        return found


def run(host: Host, sysext: Path, progress: Progress) -> None:
    """Install the product on the host, which is not booted yet, and tell the story."""
    host.boot()
    story = Story(host)
    _install(story, sysext)
    system = _repositories(story)
    _first_sync(story, system)
    _change(story)
    _broken(story)
    _unhealthy(story)
    _revert(story)
    story.tell("The host is switched off", "Workloads stop with it, in order; nothing fails.")
    story.claim("no unit has failed", host.run(["systemctl", "--failed", "--no-legend"]).stdout.strip() == "")
    host.poweroff()
    print("\nThat was the demonstration.")


def _install(story: Story, sysext: Path) -> None:
    story.tell("Install", "One file: the extension image is dropped in and merged into /usr.")
    story.host.install(sysext)
    story.show("systemd-sysext", "status")
    story.show("bbhv", "--version")


def _repositories(story: Story) -> str:
    story.tell("A system repository and two tenants", "The operator says who is on this host and what each is granted.")
    story.host.put("/etc/bitbuilder/bitbuilder.conf",
                   "[System]\nRepository=file:///srv/git/system.git\nTrust=unsigned\nAllowFile=yes\n")
    for name in ("acme", "shop"):
        folder = story.repository(name)
        story.show("bbhv", "init", folder, quiet=name != "acme")
        story.show("bbhv", "validate", folder, quiet=name != "acme")
        story.commit(folder, "First commit", {"containers/web.nspawn": CONTAINER.format(role="web")})
    story.commit("/root/acme", "A second container", {"containers/db.nspawn": CONTAINER.format(role="db")})
    system = story.repository("system")
    registrations = {f"tenants/{name}.json": json.dumps({
        "apiVersion": "bitbuilder.io/v1", "tenant": name, "repository": f"file:///srv/git/{name}.git",
        "trust": {"commits": "unsigned"},
        "grants": {"cpus": 2, "memory": "2G", "tasks": 4096, "containers": 4, "images": ["debian-*"]},
    }, indent=2) + "\n" for name in ("acme", "shop")}
    story.commit(system, "Two tenants",
                 {"system.json": '{"apiVersion": "bitbuilder.io/v1"}\n', **registrations})
    return system


def _first_sync(story: Story, system: str) -> None:
    story.tell("Sync", "The host fetches, verifies, checks, compiles, starts, and watches until all is healthy.")
    story.show("bbhv", "sync")
    story.show("bbhv", "status")
    machines = story.show("machinectl", "list")
    story.claim("web.acme runs", "web.acme" in machines)


def _change(story: Story) -> None:
    story.tell("A tenant pushes a change", "Only the container that changed restarts.")
    before = {name: story.leader(name) for name in ("web.acme", "db.acme", "web.shop")}
    story.commit("/root/acme", "Another role", {"containers/web.nspawn": CONTAINER.format(role="front")})
    story.show("bbhv", "sync")
    after = {name: story.leader(name) for name in before}
    story.claim("web.acme has another leader, db.acme and web.shop the same",
                [name for name in before if before[name] != after[name]] == ["web.acme"])


def _broken(story: Story) -> None:
    story.tell("A tenant pushes a mistake", "The commit is refused with file and line; what runs is not touched.")
    before = story.leader("web.acme")
    story.commit("/root/acme", "Oops", {"containers/web.nspawn": BROKEN})
    said = story.show("bbhv", "sync", status=3)
    story.claim("the finding names the file and the line", "containers/web.nspawn:3" in said)
    story.claim("web.acme runs as before", story.leader("web.acme") == before)


def _unhealthy(story: Story) -> None:
    story.tell("A tenant pushes what never gets healthy", "The host goes back by itself and quarantines the commit.")
    story.commit("/root/acme", "Ends at once", {"containers/web.nspawn": ENDS})
    story.show("bbhv", "sync", status=1)
    story.claim("the outcome is rolled-back", story.tenant("acme")["outcome"] == "rolled-back")
    story.claim("web.acme runs again", story.leader("web.acme") != "0")
    story.show("bbhv", "sync", status=1)
    story.claim("the commit is quarantined, not tried again", story.tenant("acme")["outcome"] == "quarantined")


def _revert(story: Story) -> None:
    story.tell("The tenant reverts", "A newer commit ends the quarantine; what it says already runs.")
    for _ in range(2):
        story.show(*GIT, "-C", "/root/acme", "revert", "--no-edit", "HEAD" if _ == 0 else "HEAD~2", quiet=True)
    story.show(*GIT, "-C", "/root/acme", "push", "-q", "origin", "main", quiet=True)
    print("   # git revert HEAD && git push\n", flush=True)
    story.show("bbhv", "sync")
    story.show("bbhv", "history", "acme")
    story.show("bbhv", "status")
    story.claim("the newest generation is good", story.tenant("acme")["good"] == story.tenant("acme")["generation"])
