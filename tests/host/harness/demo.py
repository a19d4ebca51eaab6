"""The demonstration: what an operator and two tenants see, from installing the product to switching the host off.

Every step says what happens and why, shows the commands that a person would type and what they print, and checks what
it claims: a step whose claim is not true ends the demonstration.
"""

import json
import textwrap
from pathlib import Path

from .host import Host
from .shell import BuildError, Progress

WHO = {"GIT_AUTHOR_NAME": "Ops", "GIT_AUTHOR_EMAIL": "ops@example.com", "GIT_COMMITTER_NAME": "Ops",
       "GIT_COMMITTER_EMAIL": "ops@example.com"}
SETTINGS = "[System]\nRepository=file:///srv/git/system.git\nTrust=unsigned\nAllowFile=yes\n"
CONTAINER = "[Exec]\nBoot=yes\nEnvironment=ROLE={role}\n\n[X-Bitbuilder]\nImage=debian-13\nMemoryMax=256M\n"
MISTAKE = "[Exec]\nBoot=yes\nEnvironmen=ROLE=front\n\n[X-Bitbuilder]\nImage=debian-13\nMemoryMax=a lot\n"
ENDS = "[Exec]\nParameters=/bin/false\nEnvironment=ROLE=front\n\n[X-Bitbuilder]\nImage=debian-13\nMemoryMax=256M\n"
INDENT = "   "


class Story:
    """Tells the demonstration on one host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.count = 0

    def tell(self, title: str, why: str) -> None:
        """Begin a step."""
        self.count += 1
        print(f"\n── {self.count}. {title}")
        print(textwrap.fill(why, 80, initial_indent=INDENT, subsequent_indent=INDENT) + "\n", flush=True)

    def show(self, command: str, status: int = 0) -> str:
        """Run a command line on the host and show what a person would see; it must end with the expected status."""
        print(f"{INDENT}# {command}", flush=True)
        said = self.quietly(command, status)
        print(textwrap.indent(said.rstrip("\n"), INDENT) + "\n" if said else "", flush=True)
        return said

    def quietly(self, command: str, status: int = 0) -> str:
        """Run a command line on the host without showing it."""
        done = self.host.run(["sh", "-c", f"cd /root; exec 2>&1; {command}"], check=False, timeout=180, env=WHO)
        if done.returncode != status:
            raise BuildError(f"{command} ended with {done.returncode}, not {status}:\n{done.stdout}")
        return done.stdout

    def push(self, repository: str, message: str) -> None:
        """Commit what was changed in a work tree, and push it."""
        self.show(f"git -C {repository} add -A && git -C {repository} commit -qm '{message}' && "
                  f"git -C {repository} push -q origin main")

    def change(self, file: str, text: str) -> None:
        """Change a file in a work tree, and show what changed."""
        self.host.put(f"/root/{file}", text)
        folder = str(Path(file).parents[1])
        print(f"{INDENT}# $EDITOR {file} && git -C {folder} diff", flush=True)
        lines = self.quietly(f"git -C {folder} diff -U0").splitlines()
        print("".join(f"{INDENT}{line}\n" for line in lines if not line.startswith(("diff", "index", "---", "@@"))))

    def repository(self, name: str) -> str:
        """A bare repository as a forge would have it, and the work tree of whoever pushes to it."""
        self.quietly(f"git init -q --bare -b main /srv/git/{name}.git")
        self.quietly(f"git init -q -b main {name}")
        self.quietly(f"git -C {name} remote add origin file:///srv/git/{name}.git")
        return name

    def claim(self, what: str, true: bool) -> None:
        """Check what was said."""
        print(f"{INDENT}{'✓' if true else '✗'} {what}", flush=True)
        if not true:
            raise BuildError(f"The demonstration claims what is not so: {what}.")

    def leader(self, machine: str) -> str:
        """The leader process of a workload."""
        return self.quietly(f"machinectl show --value --property=Leader {machine}").strip()

    def tenant(self, name: str) -> dict[str, object]:
        """What the host says of a tenant."""
        found = json.loads(self.quietly(f"bbhv status {name} --json=short"))["tenants"][0]
        assert isinstance(found, dict)
        return found


def run(host: Host, sysext: Path, progress: Progress) -> None:
    """Install the product on the host, which is not booted yet, and tell the story."""
    with progress.step(f"booting the throw-away host {host.name}"):
        host.boot()
    story = Story(host)
    print("\nWhat follows runs on a throw-away host; # begins a command, ✓ is a claim that was just checked.")
    _install(story, sysext)
    _operator(story)
    _tenants(story)
    _first_sync(story)
    _change(story)
    _mistake(story)
    _unhealthy(story)
    _revert(story)
    _off(story)


def _install(story: Story, sysext: Path) -> None:
    story.tell("Install", "The product is one file, an extension image. It is dropped in and merged into /usr; "
                          "systemd reloads itself and starts what the extension brings.")
    story.host.copy_in(sysext, "/root/bbhv.raw")
    story.show("systemctl --version | head -n 1")
    story.show("cp bbhv.raw /var/lib/extensions/ && systemd-sysext refresh")
    story.show("bbhv --version")


def _operator(story: Story) -> None:
    story.tell("The operator registers two tenants", "The system repository says who is on this host, and what each "
                                                     "is granted. Nothing is granted by default.")
    story.host.put("/etc/bitbuilder/bitbuilder.conf", SETTINGS)
    story.show("cat /etc/bitbuilder/bitbuilder.conf")
    system = story.repository("system")
    story.quietly(f"bbhv init --system {system}")
    for name in ("acme", "shop"):
        one = {
            "apiVersion": "bitbuilder.io/v1", "tenant": name, "repository": f"file:///srv/git/{name}.git",
            "trust": {"commits": "unsigned"},
            "grants": {"cpus": 2, "memory": "2G", "tasks": 4096, "containers": 4, "images": ["debian-*"]},
        }  # fmt: skip
        story.host.put(f"/root/{system}/tenants/{name}.json", json.dumps(one, indent=2) + "\n")
    story.show(f"cat {system}/tenants/acme.json")
    story.show(f"bbhv validate {system}")
    story.push(system, "Two tenants")


def _tenants(story: Story) -> None:
    story.tell("The tenants say what runs", "A tenant's repository holds declarations in systemd's own file syntax. "
                                            "It is checked wherever it is written; nothing is needed for that.")
    folder = story.repository("acme")
    story.show(f"bbhv init {folder}")
    for name in ("web", "db"):
        story.host.put(f"/root/{folder}/containers/{name}.nspawn", CONTAINER.format(role=name))
    story.show(f"cat {folder}/containers/web.nspawn")
    story.show(f"bbhv validate {folder}")
    story.push(folder, "Two containers")
    folder = story.repository("shop")
    story.quietly(f"bbhv init {folder}")
    story.push(folder, "One container")


def _first_sync(story: Story) -> None:
    story.tell("The host syncs", "It fetches and verifies the commits, checks and compiles them, starts what they "
                                 "say, and watches until all is healthy. A timer does this every five minutes.")
    story.show("bbhv sync")
    story.show("bbhv status")
    machines = story.show("machinectl list")
    story.claim("web.acme, db.acme and web.shop run",
                all(name in machines for name in ("web.acme", "db.acme", "web.shop")))


def _change(story: Story) -> None:
    story.tell("A tenant pushes a change", "Only the container that changed restarts.")
    before = {name: story.leader(name) for name in ("web.acme", "db.acme", "web.shop")}
    story.change("acme/containers/web.nspawn", CONTAINER.format(role="front"))
    story.push("acme", "Another role")
    story.show("bbhv sync")
    after = {name: story.leader(name) for name in before}
    story.claim("web.acme has another leader process; db.acme and web.shop have the same as before",
                [name for name in before if before[name] != after[name]] == ["web.acme"])


def _mistake(story: Story) -> None:
    story.tell("A tenant pushes a mistake", "The commit is refused, with file and line. What runs is not touched, and "
                                            "nobody else is concerned. (The exit status is 3.)")
    before = story.leader("web.acme")
    story.change("acme/containers/web.nspawn", MISTAKE)
    story.push("acme", "Oops")
    said = story.show("bbhv sync", status=3)
    story.claim("the findings name the file and the line", "containers/web.nspawn:3:1: error" in said)
    story.claim("web.acme runs as before", story.leader("web.acme") == before)


def _unhealthy(story: Story) -> None:
    story.tell("A tenant pushes what never gets healthy", "Nothing is wrong with this commit, but what it declares "
               "ends at once. The host goes back by itself and quarantines the commit. (The exit status is 1.)")
    story.change("acme/containers/web.nspawn", ENDS)
    story.push("acme", "Ends at once")
    story.show("bbhv sync", status=1)
    story.claim("the outcome is rolled-back", story.tenant("acme")["outcome"] == "rolled-back")
    story.claim("web.acme runs again", story.leader("web.acme") not in ("", "0"))
    print()
    story.show("bbhv sync acme", status=1)
    story.claim("the commit is quarantined: it is not tried again", story.tenant("acme")["outcome"] == "quarantined")


def _revert(story: Story) -> None:
    story.tell("The tenant reverts", "A newer commit ends the quarantine. What it says already runs, so nothing "
                                     "restarts.")
    before = story.leader("web.acme")
    story.show("git -C acme revert --no-edit HEAD HEAD~1 >/dev/null && git -C acme push -q origin main")
    story.show("bbhv sync")
    story.show("bbhv history acme")
    story.show("bbhv status")
    acme = story.tenant("acme")
    story.claim("the newest generation is good", acme["good"] == acme["generation"] and acme["outcome"] == "applied")
    story.claim("web.acme was not restarted", story.leader("web.acme") == before)


def _off(story: Story) -> None:
    story.tell("The host is switched off", "The workloads stop with it, in order.")
    story.show("systemctl --failed")
    story.claim("no unit has failed", story.quietly("systemctl --failed --no-legend").strip() == "")
    print(f"{INDENT}# systemctl poweroff", flush=True)
    story.host.poweroff()
    story.claim("the host went down cleanly", "Failed" not in story.host.console_tail())
    print("\nThat was the demonstration. README.md says how to do the same on a host of your own.")
