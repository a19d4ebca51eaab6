"""Advice about settings, BB2xx."""

from collections.abc import Mapping

from .entry import Advice

_WEB = "containers/web.nspawn"


def _web(*lines: str, first: str = "[Exec]\nBoot=yes", ours: str = "Image=debian-13") -> str:
    """A container with these lines in [X-Bitbuilder]."""
    return "\n".join([first, "", "[X-Bitbuilder]", *([ours] if ours else []), *lines, ""])


SETTINGS: Mapping[str, Advice] = {
    "BB201": Advice(
        text="""This kind of file has no section of this name. systemd ignores such a section, with all that is in it;
        here it is an error, for what was meant would not happen.""",
        fix="Correct the name. The hint has the sections that there are, and the page of the kind their keys.",
        file=_WEB,
        wrong="[Exe]\nBoot=yes\n\n" + _web(),
        right=_web(),
    ),
    "BB202": Advice(
        text="""The section has no key of this name, or the key belongs into another section. systemd would ignore
        it; here it is an error, for what was meant would not happen. Upper and lower case count.""",
        fix="Correct the name, or move the line into the section that the hint names.",
        file=_WEB,
        wrong=_web("Memory=512M"),
        right=_web("MemoryMax=512M"),
    ),
    "BB203": Advice(
        text="""The key is one of systemd, and on a host of many tenants only the host can know its value: ids of users,
        names of interfaces, where things are.""",
        fix="Leave the line out; the hint says what the host does, or what to write instead.",
        file=_WEB,
        wrong=_web(first="[Exec]\nBoot=yes\nPrivateUsers=pick"),
        right=_web(),
    ),
    "BB204": Advice(
        text="""The key is one of systemd, and it would give the tenant something of the host, or of another tenant: a
        path, a device, a privilege. No grant allows it.""",
        fix="Do as the hint says: most of the time there is another way to the same end, such as a volume.",
        file=_WEB,
        wrong=_web(first="[Exec]\nBoot=yes\n[Files]\nBind=/srv/data"),
        right=_web("Volume=data:/srv/data"),
    ),
    "BB205": Advice(
        text="""The value is not one that the key can have. Values read as systemd reads them: sizes as `512M`, time
        spans as `1min 30s`, booleans as `yes` and `no`. An empty value takes back what a key had that may be repeated;
        any other key needs one.""",
        fix="Write what the hint says.",
        file=_WEB,
        wrong=_web("MemoryMax=512 MiB"),
        right=_web("MemoryMax=512M"),
    ),
    "BB206": Advice(
        text="""The key has one value, and is given twice. In systemd the last one counts, which is rarely what the
        writer of the first one expects.""",
        fix="Keep one of the lines.",
        file=_WEB,
        wrong=_web("MemoryMax=512M", "MemoryMax=1G"),
        right=_web("MemoryMax=1G"),
    ),
    "BB207": Advice(
        text="""The key or its value will have a meaning, but does nothing in this version. It is an error so that
        nobody relies on it.""",
        fix="Leave it out, or use a newer version.",
        file=_WEB,
        wrong=_web("Extension=monitoring"),
        right=_web(),
    ),
    "BB208": Advice(
        text="The declaration means nothing without this key, and it has no default.",
        fix="Add the key; the hint says what it is.",
        file=_WEB,
        wrong=_web(ours="", first="[Exec]\nBoot=yes"),
        right=_web(),
    ),
    "BB209": Advice(
        text="""Each of the keys is right, but not both of them together, or one of them needs another one. Whichever
        would win, it would surprise somebody.""",
        fix="Leave one of them out, as the hint says.",
        file=_WEB,
        wrong=_web(first="[Exec]\nBoot=yes\nProcessTwo=yes"),
        right=_web(first="[Exec]\nProcessTwo=yes\nParameters=/usr/bin/app"),
    ),
    "BB210": Advice(
        text="""The key came with a version of systemd that this host, or the one of `--systemd=`, does not have yet.
        systemd would ignore it. Without `--systemd=` it is a warning, against the oldest version that is supported.""",
        fix="Leave it out, or run the tenant on a newer host, and check with `--systemd=`<VERSION>.",
        file="machines/vm.vmspawn",
        wrong="[VM]\nRAM=1G\nFirmware=uefi\n\n[X-Bitbuilder]\nImage=debian-13-vm\n",
        right="[VM]\nRAM=1G\n\n[X-Bitbuilder]\nImage=debian-13-vm\n",
    ),
    "BB211": Advice(
        text="""Declarations of this kind are checked, but this version of bbhv does not run them yet. It is a warning:
        the rest of the repository runs.""",
        fix="Nothing; a newer version runs it. Leave the file out if it is better not to be there until then.",
        file="services/agent.portable",
        wrong="[Portable]\nImage=debian-13\n",
    ),
    "BB212": Advice(
        text="""The host tried to decrypt a credential that one of its workloads uses, before anything changed, and
        could not: it is for another tenant, another name or another host, it has expired, or it is damaged. What
        systemd-creds says follows. Away from the host nobody can tell.""",
        fix="Encrypt the secret again, on the host that is to use it, for this tenant and under the name of the file.",
        wrong="systemd-creds encrypt --name=db - infrastructure/credentials/db.cred",
        right="bbhv credential encrypt acme db --output=infrastructure/credentials",
    ),
    "BB213": Advice(
        text="""A unit of systemd may have at most 1 MiB of credentials, their names included, and a workload that
        asks for more would not start.""",
        fix="""Leave a credential out, or make it smaller: a key is a good credential, and what it encrypts is better in
        a volume.""",
        wrong="bbhv credential encrypt acme archive archive.tar",
        right="bbhv credential encrypt acme archive-key archive.key",
    ),
}
