"""The pages of what a tenant may declare: one row each, with the kinds of declaration that it tells of.

What a row has no words for comes from the settings table of the kind: a new key shows up by itself.
"""

from collections.abc import Iterator

from ...formats.pages.page import Block, Example, Heading, Page, Paragraph, items
from ...kinds.script import SCRIPTS
from ...kinds.table import KINDS, Kind
from ...records import dataclass
from . import reference


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """One page of section 5: the kinds that it tells of, its prose in paragraphs, and an example with its files.

    `more` are lists of its own: a heading, and rows of a tag and what it means.
    """

    name: str
    kinds: tuple[str, ...]
    summary: str
    text: str
    example: str
    see_also: str
    more: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()


_PENDING = "This version checks such a declaration, but does not run it yet; `bbhv validate` says so (BB211)."

CONTAINER = About(
    name="bbhv.container", kinds=("container",), summary="a container of a tenant",
    text="""`containers/`<NAME>`.nspawn` is a container, run by `systemd-nspawn`(1). The file stays a valid
    `systemd.nspawn`(5) file: what is ours is in the section `[X-Bitbuilder]`, which systemd ignores. On the host the
    container's name, also in `machinectl`(1), is <NAME>`.`<TENANT>, and its unit is
    `tenant-container@`<NAME>`.`<TENANT>`.service`.

    A container starts from an image each time: what it changes in its root is kept in memory, and lost when it stops.
    What is to stay belongs into a volume. With `Persistent=yes` the root is a copy of the image instead, made with the
    first start, in the storage of the tenant. Another image begins another copy: since the data of the one before is
    lost with it, a commit has to name the container in `allowDataLoss` of `metadata.json`. The old copy stays as long
    as a generation is kept that has it, so that a rollback finds it.

    A container runs in a user namespace of its own, with user ids that no other container has.

    While a change is watched, `Health=` decides what is healthy: `unit`, as all others also do, that the container is
    up and ready, and stays so for `HealthStableSec=`; `tcp:`<PORT>, that somebody listens on the port of its loopback;
    `http:`<PORT>/<PATH>, that the answer is a status of 2xx or 3xx, which is not followed; `exec:`<COMMAND>, that a
    program inside exits with 0; `script:`<NAME>, that a script of `bbhv.script`(5) does. A check begins
    `HealthGraceSec=` after the container is ready. It may take `HealthTimeoutSec=`, and is tried again after
    `HealthIntervalSec=` until it succeeds, or until `healthTimeoutSec` of `metadata.json` is over and everything goes
    back.

    A program of `exec:` runs as the user of the container, with its capabilities, in the limits of the tenant, and with
    an environment of its own; what it prints is thrown away, and what it leaves behind is killed. Checks run in units
    `tenant-health@`<NAME>`.`<TENANT>`.service`.

    With `Control=read` or `Control=full` the tenant can help itself from inside: `/run/bitbuilder` has the socket
    `io.bitbuilder.Hypervisor`, on which every client of varlink calls the interface of this name (`bbhv.varlink`(5)),
    such as `varlinkctl`(1) of the image. Everybody in the container may ask about the tenant. What changes something is
    for its root alone, and only with `full`. No other tenant is there: to ask for one is answered as if it did not
    exist. The host knows a caller by his user id, which no other container has, and by his process, which must be one
    of the container: a program of `bbhv shell` or `Health=exec:` is none, and is hung up on. As long as a container
    runs, the socket is there; nothing else ever is in this folder, and nothing in it can be changed from inside.""",
    example="""
# containers/web.nspawn
[Exec]
Boot=yes
Environment=ROLE=web

[X-Bitbuilder]
Image=debian-13
Volume=data:/srv/data
MemoryMax=512M
Control=read

# in this container
varlinkctl call /run/bitbuilder/io.bitbuilder.Hypervisor \\
  io.bitbuilder.Hypervisor.ListTenants '{}'
""",
    see_also="`systemd.nspawn`(5), `systemd-nspawn`(1), `machinectl`(1), `varlinkctl`(1)",
)  # fmt: skip

MACHINE = About(
    name="bbhv.machine", kinds=("machine",), summary="a virtual machine of a tenant",
    text="""`machines/`<NAME>`.vmspawn` is a virtual machine, run by `systemd-vmspawn`(1) with QEMU as an unprivileged
    user of the tenant. systemd has no settings file for machines: the keys in `[VM]` are called as the switches of
    `systemd-vmspawn` are, and `[X-Bitbuilder]` means the same as in a container. On the host the machine's name, also
    in `machinectl`(1), is <NAME>`.`<TENANT>.

    A machine starts from a disk image. A volume of it is a drive, with the name of the volume as its serial
    number, and the machine's own kernel mounts it; or, with `Format=directory` and a path in `Volume=`, a folder of the
    host that is shared by virtiofs. `Volume=data:/srv/data` is mounted there by systemd in the machine's initrd; others
    mount it themselves: `mount -t virtiofs mnt0 /srv/data`, and `mnt1` for the second. All files of such a folder
    belong to root in the machine, whoever made them; nothing in it is set-user-id, and nothing is a device node.

    With `Persistent=no` what the machine changes of its disk is gone when it stops. It counts as storage of the tenant
    meanwhile. With `Persistent=yes` the disk is a copy of the image, made once.

    It needs a host with systemd 260 or newer and `systemd-vmspawn`; elsewhere a warning (BB211) names what is missing,
    and everything else of the tenant runs. The host insists on KVM. Where its operator grants `emulation`, the
    processor is emulated instead, and everything may take five times as long.

    `Health=unit` needs a host with vsock, over which an init system such as systemd says that it is up. vmspawn does
    not look which machine speaks, so where tenants do not trust each other a check of its own tells more; with
    `NotifyReady=no` the machine has no vsock at all. Without vsock it needs such a check: `console:`<REGEX> looks for a
    line of the console, which is in the journal of the unit. A line counts when it
    has ended: a prompt such as `login:` has not. `tcp:` and `http:` are asked at the machine's address in its network.

    To stop a machine, its power button is pressed. If it still runs after 90 seconds, it is switched off. A machine
    that powers off by itself is started again, as `Restart=` says.""",
    example="""
# machines/db.vmspawn
[VM]
CPUs=2
RAM=1G

[X-Bitbuilder]
Image=debian-13-vm
""",
    see_also="`systemd-vmspawn`(1), `bbhv.container`(5), `machinectl`(1)",
)  # fmt: skip

NETWORK = About(
    name="bbhv.network", kinds=("netdev", "network"), summary="networks of a tenant",
    text="""`network/`<NAME>`.netdev` is a network device: a bridge, to which workloads are connected, a VLAN, which
    leads from a bridge to an uplink of the host, or a veth, which leads from one bridge to another.
    `network/`<NAME>`.network` says what the host does with one of them, or with an uplink that is granted; `Name=` in
    `[Match]` says with which. Both are files of systemd-networkd.

    All names are those of the tenant: `lan` of one tenant is not `lan` of another. The host reads the files and
    writes its own, with what is allowed in them and with names of its own. Subnets, VLANs and uplinks must lie within
    the grants of these names.

    A workload is connected by `Bridge=` in `[Network]`, and a container to more networks by `Network=` in
    `[X-Bitbuilder]`. Inside, the first network is the interface `host0`, the next one `host1`; systemd-networkd in an
    image asks there for an address by itself. A machine has one interface. Hardware addresses stay the same.

    The address of a workload is what `Address=` says. Where the host serves DHCP, a workload without it gets one of the
    pool, the same one each time. In the containers of a tenant, `/etc/hosts` has the names of all its workloads,
    unless the root cannot be written: `db`, and `db.back` in the network `back`. A machine is given the same text when
    it starts, as the system credential `network.hosts`, of which systemd makes `/etc/hosts` where the image has none.
    Of other tenants nobody knows a name.

    `MTUBytes=` in `[Link]` holds for both sides of all that is connected. A queue, such as `[TokenBucketFilter]`,
    bounds what comes into the network from the host and through it; what its workloads say to each other, and what they
    send elsewhere, does not pass there.

    Inside of a network everything may pass that comes from the addresses of the workload that sends it: its hardware
    address, its IPv4 address, and of IPv6 its own ones and those that it makes of the prefixes of the network. Frames
    with any other sender are dropped, and so are answers of DHCP servers, router advertisements and tags of VLANs. A
    network reaches nothing else: not the host, but for DHCP; not another network, unless a veth connects the two; not
    the world, unless the registration grants `internet` and an uplink, and then public addresses only.

    `Port=` in `[Network]` of a container is a port of the host that leads to its address, by IPv4 and IPv6; who calls
    is seen as he is. It must be granted. Workloads of the same network may ask the host for the port as well, but not
    the container itself where the host has `br_netfilter` loaded. When a `Port=` is gone, or the grant of `internet`,
    the connections that came about by it are cut off.

    A change touches what differs: workloads stay connected, and a bridge stays as long as it is declared.""",
    example="""
# network/lan.netdev
[NetDev]
Name=lan
Kind=bridge

# network/lan.network
[Match]
Name=lan

[Network]
Address=10.77.0.1/24
DHCPServer=yes

# containers/web.nspawn
[Exec]
Boot=yes

[Network]
Bridge=lan
Port=tcp:8080:80

[X-Bitbuilder]
Image=debian-13
Address=10.77.0.10
""",
    see_also="`systemd.netdev`(5), `systemd.network`(5), `networkctl`(1)",
)  # fmt: skip

IMAGE = About(
    name="bbhv.image", kinds=("image",), summary="an image of a tenant",
    text="""`infrastructure/`<NAME>`.image` says where an image comes from and what its digest is; `Image=`<NAME> of a
    workload starts from it. The URL must lie below one of the prefixes in the grant `imageSources`, and so must
    whatever else its server sends us to. The bytes are fetched before anything that runs is touched, and are believed
    only if they have the digest. Once they are here, the server is not asked again.

    A server is believed if one of the authorities that the host trusts signed for it, or the one in `fetch.ca` of the
    registration. It is not asked at an address of the host itself, such as 127.0.0.1, unless the prefix that is granted
    says `localhost` or such an address, nor at a link-local one. At most three images come from a server at once.

    All images of a sync share the time that it has: `FetchTimeoutSec=` where the timer asked for it. What has come of
    an image when its server breaks off, hangs, or takes too long, is kept for a week as long as the commit wants it,
    and counts as storage: the next sync goes on behind it, if the server can do that. The timer leaves a server alone
    for a while that gave less than a tenth of the file and less than 64 MiB, or that began anew.

    With `Signature=` the image must be signed as well. The URL is that of a file with one signature over the very bytes
    that `SHA256=` is of, of at most 64 KiB, and lies below a granted prefix too. `ssh-keygen -Y sign -n file -f` <KEY>
    <FILE> makes one, and so does `gpg --detach-sign` <FILE>, with or without `--armor`. It counts if the key is one
    that may sign images here: the operator says which, see TRUST/ in `bbhv.system`(5). The signature is fetched first,
    and verified when the image has come and before it is used for anything. That is remembered; only when the key does
    not count any more are both fetched again, with the next change of the tenant. What runs runs on.

    An image that the operator offers needs no such file: a workload names it, if the grant `images` fits its name. A
    declared image goes before an offered one of the same name.

    An archive is unpacked behind a sandbox: device nodes, sockets and FIFOs in it are left out. It may be compressed by
    gzip, xz, bzip2 or zstd. So may a raw image whose name ends in `.raw`, `.img`, `.squashfs` or `.erofs`, and `.gz`,
    `.xz`, `.bz2` or `.zst`; it is used without that. What comes of a file counts against the grant `storage`, and is
    not unpacked beyond it. A raw image of a container is a squashfs or erofs and is mounted by the kernel of the host,
    which needs the grant `mountImages`; nothing of one with a partition table is ever mounted.

    A raw image that a machine starts from has a GPT. It is refused when a checksum of it is wrong, when partitions
    overlap or lie outside of the disk, when a root or /usr partition, its hashes and its signature do not belong
    together, or when such a file system is cut off; with `Linux=` also when there is neither a root or /usr partition
    nor a word `root=`. What else is on the disk is for the machine; what is odd about it is a warning.""",
    example="""
# infrastructure/app.image
[Image]
Source=https://images.example.com/app.tar.xz
SHA256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
Format=tar
""",
    see_also="`sha256sum`(1), `bbhv.container`(5), `bbhv.machine`(5)",
)  # fmt: skip

VOLUME = About(
    name="bbhv.volume", kinds=("volume",), summary="a volume of a tenant",
    text="""`infrastructure/`<NAME>`.volume` is a place for data that outlives workloads, generations and rollbacks. A
    container sees it as a folder where its `Volume=`<NAME>`:`<PATH> says, a machine that has `Volume=`<NAME> as a
    drive, which is an ext4 file system with the name of the volume as its serial number. With `Use=machine` and
    `Format=directory` it is a folder, which machines that have `Volume=`<NAME>`:`<PATH> share, several of them at a
    time; that needs virtiofsd on the host (BB211). A volume has one use, never both: the kernel of the host does not
    mount what a machine could have written. With another `Use=` or `Format=` it begins empty, which needs its name in
    `allowDataLoss` of `metadata.json`.

    `Size=` counts against the grant `storage`. A drive grows with the next start of its machine, and its file system is
    for the machine to grow; it never becomes smaller. In a container set-user-id programs and device nodes of a volume
    mean nothing. A volume that is no longer declared stays on the disk until an operator removes it.""",
    example="""
# infrastructure/data.volume
[Volume]
Size=1G
""",
    see_also="`bbhv.container`(5)",
)  # fmt: skip

EXTENSION = About(
    name="bbhv.extension", kinds=("sysext", "confext"), summary="system and configuration extensions of a tenant",
    text="""`extensions/sysext/`<NAME>`/` is a system extension, a tree that is laid over `/usr` and `/opt`;
    `extensions/confext/`<NAME>`/` is a configuration extension, laid over `/etc`. The folder has all files of the
    extension. `extensions/sysext/`<NAME>`.image` and `extensions/confext/`<NAME>`.image` name an image of one that is
    fetched instead. An extension is laid over the images of the tenant's own workloads that name it in `Extension=`,
    never over the host.

    An extension says for which system it is in its release file,
    `usr/lib/extension-release.d/extension-release.`<NAME> or `etc/extension-release.d/extension-release.`<NAME>. `ID=`
    must be that of the image's `os-release`(5), and so must `SYSEXT_LEVEL=` (`CONFEXT_LEVEL=`) or `VERSION_ID=` be;
    `ID=_any` fits everywhere. What git cannot carry an extension that is a folder cannot have: device nodes,
    set-user-id programs, owners, extended attributes.""",
    example="""
# extensions/confext/ntp/etc/extension-release.d/extension-release.ntp
ID=_any

# extensions/confext/ntp/etc/systemd/timesyncd.conf.d/site.conf
[Time]
NTP=10.77.0.1
""",
    see_also="`systemd-sysext`(8), `os-release`(5), `bbhv.image`(5)",
)  # fmt: skip

PORTABLE = About(
    name="bbhv.portable", kinds=("portable",), summary="a portable service of a tenant",
    text="""`services/`<NAME>`.portable` attaches the units of a portable service image to the host, in the words of
    `portablectl`(1). The services run on the host itself, in the root of their image, in the tenant's slice, and behind
    the sandbox of the profile, which the grant `serviceProfiles` must have. A portable service cannot have the name of
    a container or a machine of the tenant.""",
    example="""
# services/agent.portable
[Portable]
Image=agent
Profile=strict
Unit=agent.service

[X-Bitbuilder]
MemoryMax=256M
""",
    see_also="`portablectl`(1), `systemd-portabled.service`(8), `bbhv.image`(5)",
)  # fmt: skip

CREDENTIAL = About(
    name="bbhv.credential", kinds=("credential",), summary="a secret of a tenant",
    text="""`infrastructure/credentials/`<NAME>`.cred` is a secret, encrypted for the host: nobody who reads the
    repository can read it. `credentials/`<HOST>`/`<NAME>`.cred` is the same for the one host of this name, and goes
    before the other there. The operator of the host encrypts it with `bbhv credential encrypt`.

    A workload that has `Credential=`<NAME> is given it as the credential <NAME>, and no other. In a container it is the
    file <NAME> in `/run/host/credentials`, where `$CREDENTIALS_DIRECTORY` points, for root alone: a service of its init
    system takes it with `LoadCredential=`<NAME>. In a machine it is one of the system's credentials, as in
    `systemd.system-credentials`(7). It is in memory only, and never in a unit, an argument or a log of the host.

    The name inside of the encrypted credential is `tenant-`<TENANT>`.`<NAME>: systemd refuses to decrypt it for another
    tenant or under another name. Before a commit is activated, the host tries to decrypt what its workloads use, and
    sees nothing of it: one that is for another tenant, for another host, expired or damaged refuses the commit (BB212),
    and what ran goes on. `bbhv validate` cannot know, and says so. One that everybody can decrypt is always refused.

    Another file restarts the workloads that use it, and nothing else. The credentials of one workload may have 1 MiB
    together (BB213). The name of a credential has no dot in it, so none of those that systemd itself reads, such as
    `passwd.hashed-password.root`, can be given by anybody: what an init system does is in its image.""",
    example="""
bbhv credential encrypt acme db-password --output=/srv/acme
""",
    see_also="`systemd-creds`(1), `systemd.exec`(5), `systemd.system-credentials`(7)",
)  # fmt: skip

SCRIPT = About(
    name="bbhv.script", kinds=("script",), summary="scripts of a tenant",
    text="""The files in `scripts/` are programs of the tenant as a whole. Each runs in a unit of its own,
    `tenant-script@`<SCRIPT>`.`<TENANT>`.service`, in the tenant's slice, so that its limits hold, as a user that exists
    only for it, behind a sandbox: it sees the programs of the host and the volumes of the tenant's containers, but
    neither the host's network, nor other files, nor credentials. A script that needs what is in an image belongs into
    the image.

    A script is a text file that starts with `#!` and an interpreter. It is started in `/`, in a root that has all of
    `/usr`, `/tmp` of its own, and each volume of `Use=container`, read-only and by its name, in `/srv`. The user is in
    no group: of a volume it can read what everybody may. One file is kept, between calls and generations, and gone with
    `bbhv purge`: the one that `BITBUILDER_STATE` names, of at most 16 MiB, which all scripts but `health` may change. A
    script has 256 MiB of memory, 64 tasks, no single file above 16 MiB, and its time; then all of it is killed.

    A change goes this way: `provision` of the new generation; `pre-stop` of the old one, what has to stop stops,
    `post-stop`; `pre-start` of the new one, what has to start starts and is watched, `post-start`. Where one of
    `pre-stop`, `post-stop` and `pre-start` is there, what is to restart stops and starts with the rest. A change that
    stops and starts nothing, such as one of a limit, calls `provision` only, and one that touches nothing at all calls
    none; what has changed of a script itself counts from its next call on. Going back calls the scripts in the same
    way: those of a stop of the generation that has failed, as far as it had started, those of a start of the one that
    comes back, whose `provision` is not called again. When a script of the good generation fails, there is nothing to
    go back to: it is said, and the next sync that heals drift tries again.

    A tenant that comes up, at boot too, calls `pre-start` and `post-start`; one that stops, is suspended or not
    registered any more, or whose host shuts down, `pre-stop` and `post-stop`: their units rest while the tenant runs,
    ordered after and before its workloads, and are stopped with them. Setting drift right starts what was down between
    `pre-start` and `post-start`. No script is called when systemd or an operator restarts a single workload, and none
    by `bbhv purge`.

    Each is to bear being called again: after a power cut, or when the engine was killed, what was under way is undone
    or done once more, from its first script on. A power cut may also leave the kept file short.

    `BITBUILDER_TENANT` is the tenant, `BITBUILDER_GENERATION` and `BITBUILDER_COMMIT` what the script is of, and
    `BITBUILDER_REASON` why it is called: `start`, `change`, `rollback`, `heal` or `stop`. `health` has the first of
    them, and `BITBUILDER_WORKLOAD`, the workload that `Health=script:`<NAME> asks about. There is nothing else but what
    systemd tells every service.

    What a script prints is in the journal of its unit, at most 100 lines in half a minute. The last of it, cut to 300
    characters, is in the outcome when the script fails, which `bbhv status` and `bbhv history` show.

    `health` is tried again every second until it exits with 0 or `healthTimeoutSec` is over; each time it has 30
    seconds. So is any script that `Health=script:`<NAME> names.""",
    example="""
#!/bin/sh
# scripts/provision: once on this host, and never again
test -s "$BITBUILDER_STATE" && exit 0
head -c 16 /dev/urandom | od -An -tx1 >"$BITBUILDER_STATE"
""",
    see_also="`bbhv.container`(5), `systemd.exec`(5)",
    more=(("SCRIPTS", tuple(SCRIPTS.items())),),
)  # fmt: skip

ABOUTS = (CONTAINER, MACHINE, NETWORK, IMAGE, VOLUME, EXTENSION, PORTABLE, CREDENTIAL, SCRIPT)


def pages() -> tuple[Page, ...]:
    """All pages of kinds."""
    return tuple(map(_page, ABOUTS))


def _page(about: About) -> Page:
    kinds = [kind for kind in KINDS if kind.name in about.kinds]
    body: list[Block] = [Heading("SYNOPSIS"), Example("\n".join(kind.pattern for kind in kinds))]
    body += [Heading("DESCRIPTION"), *map(Paragraph, about.text.split("\n\n"))]
    body += [Paragraph(_PENDING)] if all(kind.pending for kind in kinds) else []
    for title, rows in about.more:
        body += [Heading(title), *items(rows)]
    body += [*_reference(kinds)]
    body += [Heading("EXAMPLES"), Example(about.example)] if about.example else []
    body += [Heading("SEE ALSO"), Paragraph(f"`bbhv`(1), `bbhv.tenant`(5), `bbhv-findings`(7), {about.see_also}")]
    return Page(name=about.name, section=5, summary=about.summary, body=tuple(body))


def _reference(kinds: list[Kind]) -> Iterator[Block]:
    """The settings of all the kinds that have a table, each table once."""
    tables = {id(kind.settings): (kind, kind.settings) for kind in reversed(kinds) if kind.settings is not None}
    yield from reference.costs(table for _, table in tables.values())
    for kind, table in reversed(tables.values()):
        yield Heading(kind.pattern)
        yield from reference.settings(table)
    yield from reference.refused(table for _, table in reversed(tables.values()))
