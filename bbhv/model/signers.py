"""The keys of signers, from the verifiers that a host has and that its system repository has in trust/.

Pure over a listing and a function that reads a file of it. The host's load paths come first, as UAPI.11 orders them;
trust/ and the credential are the last ones, so that a link to /dev/null in /etc/voa masks their keys too.
"""

from collections.abc import Callable, Mapping, Sequence

from ..findings import Finding, Place
from ..formats import voa
from ..formats.pubkeys import KeyFileError, ssh_key
from ..formats.voa import IMAGE_PURPOSE, LOAD_PATHS, OS, SYSTEM_PURPOSE, TECHNOLOGIES, TENANT_PURPOSE, Node, Wanted
from ..records import replace
from .authority import NEVER_USEC, SIGNED, Authority, Key, Validity
from .registration import Registration

REPOSITORY, CREDENTIAL = "trust", "credential bitbuilder.signers"
SYSTEM_SIGNER = IMAGE_SIGNER = "default"
MAX_KEYS = 1000
_PGP = "-----BEGIN PGP PUBLIC KEY BLOCK-----"

Read = Callable[[str], bytes]


def nodes_of(paths: Sequence[str]) -> dict[str, Node]:
    """The listing of files and of the folders above them."""
    nodes: dict[str, Node] = {}
    for path in paths:
        nodes[path] = Node("file")
        while path := path.rpartition("/")[0]:
            nodes.setdefault(path, Node("directory"))
    return nodes


def credential_files(text: str) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """The credential with the system repository's signers as files of a load path: lines of OpenSSH keys, or one
    armored OpenPGP certificate. A part that is no key is a finding."""
    below = f"{CREDENTIAL}/{OS}/{SYSTEM_PURPOSE}/{SYSTEM_SIGNER}"
    parts = [("openpgp", text)] if _PGP in text else [("ssh", line) for line in text.splitlines()]
    found: dict[str, bytes] = {}
    findings = []
    for technology, part in parts[:MAX_KEYS]:
        data, known = part.strip().encode(), TECHNOLOGIES[technology]
        if not data or data.startswith(b"#"):
            continue
        try:
            found[f"{below}/{technology}/{known.fingerprint(data)}{known.suffix}"] = data
        except KeyFileError as error:
            findings.append(Finding(Place(CREDENTIAL), "BB505", f"{error}", error.hint, "warning"))
    return found, tuple(findings)


def of_tenant(one: Registration, nodes: Mapping[str, Node], read: Read) -> tuple[Authority, tuple[Finding, ...]]:
    """Who may sign a tenant's commits: each name in trust.signers, by the host's load paths and trust/."""
    found = [keys_of(name, TENANT_PURPOSE, nodes, (*LOAD_PATHS, REPOSITORY), read) for name in one.signers]
    keyless = tuple(name for name, (keys, _) in zip(one.signers, found) if not keys)
    signer = keyless[0] if keyless else one.signers[0] if one.signers else ""
    below = f"{OS}/{TENANT_PURPOSE}/{signer or 'SIGNER'}/ssh/SHA256.pub"
    add = f"Add the key as {REPOSITORY}/{below} to the system repository, or as /etc/voa/{below} on this host; SHA256 "
    add += "is that of the key, see TRUST/ in bbhv.system(5)."
    if not signer:
        add = f'Name one under "trust" in {one.source}, such as "signers": ["acme-release"]. {add}'
    authority = Authority(
        policy=one.trust.value, whose=one.tenant, add=add, signers=one.signers, keyless=keyless,
        keys=tuple(key for keys, _ in found for key in keys), revoked=frozenset(one.revoked),
    )  # fmt: skip
    return authority, tuple(finding for _, findings in found for finding in findings)


def of_images(one: Registration, nodes: Mapping[str, Node], read: Read) -> tuple[Authority, tuple[Finding, ...]]:
    """Who may sign a tenant's images: whom the operator names for everybody, and the signers of this tenant, as far as
    they have a key for images."""
    names = tuple(dict.fromkeys((IMAGE_SIGNER, *one.signers)))
    found = [keys_of(name, IMAGE_PURPOSE, nodes, (*LOAD_PATHS, REPOSITORY), read) for name in names]
    below = f"{OS}/{IMAGE_PURPOSE}/{names[-1]}/ssh/SHA256.pub"
    add = f"Add the key as {REPOSITORY}/{below} to the system repository, or as /etc/voa/{below} on this host; SHA256 "
    add += "is that of the key, see TRUST/ in bbhv.system(5)."
    authority = Authority(
        policy=SIGNED, whose=one.tenant, add=add, signers=names, revoked=frozenset(one.revoked),
        keys=tuple(key for keys, _ in found for key in keys),
    )  # fmt: skip
    return authority, tuple(finding for _, findings in found for finding in findings)


def of_system(policy: str, nodes: Mapping[str, Node], read: Read) -> tuple[Authority, tuple[Finding, ...]]:
    """Who may sign the system repository: what the host has for it; only where it has nothing, the credential."""
    keys, findings = keys_of(SYSTEM_SIGNER, SYSTEM_PURPOSE, nodes, LOAD_PATHS, read)
    if not keys:
        keys, more = keys_of(SYSTEM_SIGNER, SYSTEM_PURPOSE, nodes, (*LOAD_PATHS, CREDENTIAL), read)
        findings += more
    elif f"{CREDENTIAL}/{OS}" in nodes:
        message = f"It does not count, because {keys[0].source} says already who signs, ignoring."
        findings += (Finding(Place(CREDENTIAL), "BB505", message, severity="warning"),)
    below = f"/etc/voa/{OS}/{SYSTEM_PURPOSE}/{SYSTEM_SIGNER}/ssh/SHA256.pub"
    add = f"Add the key as {below} on this host, or give it in the credential bitbuilder.signers; SHA256 is that of "
    add += "the key, see TRUST/ in bbhv.system(5)."
    authority = Authority(
        policy=policy, whose="the system repository", add=add, signers=(SYSTEM_SIGNER,), keys=keys,
        keyless=() if keys else (SYSTEM_SIGNER,),
    )  # fmt: skip
    return authority, tuple(dict.fromkeys(findings))


def keys_of(
    signer: str, purpose: str, nodes: Mapping[str, Node], roots: Sequence[str], read: Read
) -> tuple[tuple[Key, ...], tuple[Finding, ...]]:
    """The keys of one signer, also those that are masked, and what was left out."""
    unmasked = {path: node for path, node in nodes.items() if node.target != "/dev/null"}
    keys: list[Key] = []
    findings: list[Finding] = []
    for technology in TECHNOLOGIES:
        wanted = Wanted(oses=(OS,), purpose=purpose, context=signer, technology=technology)
        found, warnings = voa.lookup(nodes, wanted, roots)
        findings += warnings
        counting = {path.rpartition("/")[2] for path in found}
        files: dict[str, list[str]] = {}
        for path in voa.lookup(unmasked, wanted, roots)[0]:
            files.setdefault(path.rpartition("/")[2], []).append(path)
        for name, paths in files.items():
            key = _key(signer, technology, paths, read, findings)
            keys += [replace(key, masked=name not in counting)] if key else []
    return tuple(keys[:MAX_KEYS]), tuple(findings)


def _key(signer: str, technology: str, paths: Sequence[str], read: Read, findings: list[Finding]) -> Key | None:
    """The key in the files of one name; None, with what is wrong, when none holds the key that its name says."""
    known, good = TECHNOLOGIES[technology], []
    for path in paths:
        try:
            data = read(path)
            if known.fingerprint(data) != path.rpartition("/")[2].removesuffix(known.suffix):
                raise KeyFileError("The file holds another key than its name says.")
            good.append((path, data))
            made = _read(technology, [one for _, one in good])
        except KeyFileError as error:
            good = [one for one in good if one[0] != path]
            message = f"{str(error).removesuffix('.')}, ignoring."
            findings.append(Finding(Place(path), "BB505", message, error.hint, severity="warning"))
    if not good:
        return None
    data, parts = made
    return Key(
        signer=signer, technology=technology, fingerprint=parts[0].fingerprint, data=data, source=good[0][0],
        parts=parts,
    )  # fmt: skip


def _read(technology: str, files: Sequence[bytes]) -> tuple[bytes, tuple[Validity, ...]]:
    """What a verifier program is given, and since and until when each key counts. Raises KeyFileError."""
    if technology == "ssh":
        key = ssh_key(files[0])
        return key.line.encode(), (Validity(
            fingerprint=key.fingerprint, from_usec=key.after_usec, until_usec=key.before_usec
        ),)  # fmt: skip
    from ..formats import openpgp  # only who has such a key pays for it

    whole = openpgp.merge(files)
    return whole.packets, tuple(
        Validity(
            fingerprint=one.fingerprint, from_usec=one.created * 1_000_000, revoked=one.revoked,
            until_usec=NEVER_USEC if one.ends is None else one.ends * 1_000_000,
        ) for one in whole.keys
    )  # fmt: skip
