"""Advice about what only shows across files, about grants, and about the system repository: BB3xx, BB4xx, BB5xx."""

from collections.abc import Mapping

from .entry import Advice

_WEB, _SLICE = "containers/web.nspawn", "infrastructure/tenant.slice"
_BOOT = "[Exec]\nBoot=yes\n\n[X-Bitbuilder]\nImage=debian-13\n"
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def _image(source: str, form: str = "tar") -> str:
    return f"[Image]\nSource={source}\nSHA256={_DIGEST}\nFormat={form}\n"


def _registration(rest: str, tenant: str = "acme", repository: str = "https://git.example.com/acme.git") -> str:
    head = f'"apiVersion": "bitbuilder.io/v1",\n  "tenant": "{tenant}",\n  "repository": "{repository}",'
    return "{\n  " + head + "\n  " + rest + "\n}\n"


ACROSS: Mapping[str, Advice] = {
    "BB301": Advice(
        text="""A declaration names another one, and no file of the repository declares it. Images are looked for
        among those that the host offers, too.""",
        fix="Correct the name, or add the file that the hint names.",
        file=_WEB,
        wrong=_BOOT + "Volume=date:/srv/data\n",
        right=_BOOT + "Volume=data:/srv/data\n",
    ),
    "BB302": Advice(
        text="""Each of these workloads waits until another one of them has started, so none ever would.""",
        fix="Remove one of the `After=`.",
        file=_WEB,
        wrong=_BOOT + "After=web\n",
        right=_BOOT + "After=db\n",
    ),
    "BB303": Advice(
        text="""The registration says whose the repository is, and `metadata.json` names somebody else: one of the two
        points to the wrong place. The name in the repository decides nothing, but a difference is never meant.""",
        fix="Correct the name in `metadata.json`, or have the operator register the right repository.",
        file="metadata.json",
        wrong='{"apiVersion": "bitbuilder.io/v1", "tenant": "acne"}\n',
        right='{"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}\n',
    ),
    "BB304": Advice(
        text="""Two declarations, or two lines of one, want the same: a name, a path to mount on, an address. Which of
        them would get it is not said anywhere.""",
        fix="Remove one of them, or choose another name or path.",
        file=_WEB,
        wrong=_BOOT + "Volume=data:/srv\nVolume=logs:/srv\n",
        right=_BOOT + "Volume=data:/srv/data\nVolume=logs:/srv/logs\n",
    ),
    "BB305": Advice(
        text="""Two tenants of one host are given, or use, the same thing of which there is only one: a subnet, a port
        of the host, a VLAN. Neither of them can see it; only who has both repositories or both registrations can.""",
        fix="Grant each of them its own.",
        file="tenants/shop.json",
        wrong=_registration('"trust": {"commits": "unsigned"},\n  "grants": {"subnets": ["10.77.0.0/25"]}',
                            "shop", "https://git.example.com/shop.git"),
        right=_registration('"trust": {"commits": "unsigned"},\n  "grants": {"subnets": ["10.78.0.0/24"]}',
                            "shop", "https://git.example.com/shop.git"),
    ),
}

GRANTED: Mapping[str, Advice] = {
    "BB401": Advice(
        text="""The declarations ask for more than the registration grants. Numbers and sizes count for all
        declarations together.""",
        fix="Declare less, or ask the operator for more.",
        file=_SLICE,
        wrong="[Slice]\nMemoryMax=64G\n",
        right="[Slice]\nMemoryMax=1G\n",
    ),
    "BB402": Advice(
        text="""`Image=` names an image that the tenant does not declare, and that the host does not offer to this
        tenant. Whether it offers it to somebody else is not said.""",
        fix="Correct the name, add `infrastructure/NAME.image`, or ask the operator.",
        file=_WEB,
        wrong=_BOOT.replace("debian-13", "solaris"),
        right=_BOOT,
    ),
    "BB403": Advice(
        text="""The image would come from a place that the grant `imageSources` does not have. An operator says where
        images may come from, so that a host cannot be made to call just anybody.""",
        fix="Put the image below a source that is granted, or ask the operator.",
        file="infrastructure/app.image",
        wrong=_image("file:///tmp/app.tar"),
        right=_image("file:///srv/images/app.tar"),
    ),
    "BB404": Advice(
        text="""The setting needs a grant that the registration does not have, such as `mountImages` for an image that
        the kernel of the host mounts, or `storage` for a volume.""",
        fix="Do without it, or ask the operator for the grant that the finding names.",
        file="infrastructure/app.image",
        wrong=_image("file:///srv/images/app.raw", "raw"),
        right=_image("file:///srv/images/app.tar"),
    ),
    "BB405": Advice(
        text="""An address, a port of the host, a VLAN or an interface of the host lies outside of what the grants
        `subnets`, `ports`, `vlans` and `uplinks` have. It would take from others what is theirs.""",
        fix="Choose one that is granted, or ask the operator.",
        file="network/lan.network",
        wrong="[Match]\nName=lan\n\n[Network]\nAddress=192.168.1.1/24\n",
        right="[Match]\nName=lan\n\n[Network]\nAddress=10.77.0.1/24\n",
    ),
    "BB406": Advice(
        text="""A portable service runs on the host itself, so its profile says how much of the host it sees; only the
        profiles in the grant `serviceProfiles` may be asked for.""",
        fix="Write `Profile=` with one that is granted, or ask the operator.",
        file="services/agent.portable",
        wrong="[Portable]\nImage=app\nProfile=trusted\n",
        right="[Portable]\nImage=app\nProfile=strict\n",
    ),
}

SYSTEM: Mapping[str, Advice] = {
    "BB501": Advice(
        text="""The tenant is registered in more than one place: `/etc/bitbuilder/tenants`, the system repository,
        `/usr/lib/bitbuilder/tenants`. The first of these that has it counts, the others are not read.""",
        fix="Remove the others.",
        wrong="tenants/acme.json, and /etc/bitbuilder/tenants/acme.json on the host",
        right="tenants/acme.json",
    ),
    "BB502": Advice(
        text="""The registration has the form that its schema wants, but says something that cannot be: a size that is
        none, a prefix of URLs that is none, or a tenant that is not the one of its file's name.""",
        fix="Correct the value, or rename the file.",
        file="tenants/acme.json",
        wrong=_registration('"trust": {"commits": "unsigned"}', tenant="shop"),
        right=_registration('"trust": {"commits": "unsigned"}'),
    ),
    "BB503": Advice(
        text="""The policy wants signatures, and there is nobody whose signature would count: no signer is named, or
        `trust.revoked` has all their keys. No commit is taken rather than one that nobody vouches for.""",
        fix="Name signers, and add their keys to `trust/`; or write `unsigned` where all who can push are trusted.",
        file="tenants/acme.json",
        wrong=_registration('"branch": "main"'),
        right=_registration('"trust": {"commits": "unsigned"}'),
    ),
    "BB504": Advice(
        text="""The URL of the repository is not one that a host may fetch from: another scheme than https, ssh and
        file, a user or a password in it, or a `..` in its path. What does not read in only one way could pass a check
        and then mean something else.""",
        fix="Write a plain URL; a user and a credential have their own keys in `fetch`.",
        file="tenants/acme.json",
        wrong=_registration('"trust": {"commits": "unsigned"}', repository="https://me:pw@git.example.com/acme.git"),
        right=_registration('"trust": {"commits": "unsigned"}'),
    ),
    "BB505": Advice(
        text="""A file in `trust/` is not where UAPI.11 has verifiers, is none, or holds another key than its name
        says, so it would vouch for nobody. A secret key is one that everybody who reads the repository has.""",
        fix="""Put public keys into `trust/bitbuilder/tenant-config/`<SIGNER>`/ssh/` or `…/openpgp/`, named by their
        fingerprint, and leave everything else out.""",
        file="trust/acme-release.pub",
        wrong="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBhBXqzWHK4G acme\n",
    ),
    "BB506": Advice(
        text="""The folder that was given with `--tenants=` has no repository of this tenant, so nothing of it could be
        checked.""",
        fix="Clone the repository into the folder, as <ID> or `tenant-`<ID>, or give another folder.",
        wrong="mkdir empty; bbhv validate --tenants=empty system",
        right="git clone URL all/acme; bbhv validate --tenants=all system",
    ),
}
