"""Fetching, as values: what the engine asks of the unit that talks to a git server, and what git is told there.

Pure. Of the request nothing is secret: a key or password reaches the unit as a credential, by name. Nothing in here is
a shell string of anybody but ourselves, and no text of a registration is an option of a program.
"""

from shlex import join
from typing import Sequence

from ..records import dataclass

PROTOCOLS = ("https", "ssh")
MAX_SECRET = 64 << 10
_PORTS = {"https": "443", "http": "80", "ssh": "22"}
_SSH = (
    "BatchMode=yes", "StrictHostKeyChecking=yes", "UpdateHostKeys=no", "GlobalKnownHostsFile=/dev/null",
    "IdentitiesOnly=yes", "IdentityAgent=none", "PreferredAuthentications=publickey", "ProxyCommand=none",
    "ProxyJump=none", "PermitLocalCommand=no", "ClearAllForwardings=yes", "ForwardAgent=no", "ControlMaster=no",
    "ControlPath=none", "CanonicalizeHostname=no", "EscapeChar=none", "LogLevel=ERROR",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be fetched: the tip of a branch.

    `credential` is the name of the credential that the unit was given; `patience` is how many seconds a server may
    stay silent. What is empty is not there.
    """

    url: str
    branch: str
    credential: str = ""
    user: str = ""
    known_hosts: str = ""
    ca: str = ""
    patience: str = "30"

    @property
    def scheme(self) -> str:
        """The protocol."""
        return self.url.partition("://")[0]


def server(url: str) -> str:
    """The host and port that a URL in normal form leads to; empty for one that needs no network."""
    scheme, _, rest = url.partition("://")
    if scheme not in _PORTS:
        return ""
    host, _, port = rest.partition("/")[0].partition(":")
    return f"{host}:{port or _PORTS[scheme]}"


def ssh_command(request: Request, known_hosts: str, identity: str) -> str:
    """The ssh that git calls; the last two are paths. No configuration of anybody counts, and no other key."""
    options = [
        *_SSH, f"UserKnownHostsFile={known_hosts}", f"IdentityFile={identity or '/dev/null'}",
        f"User={request.user or 'git'}", f"ConnectTimeout={request.patience}",
        f"ServerAliveInterval={request.patience}", "ServerAliveCountMax=2",
    ]  # fmt: skip
    return join(("ssh", "-F", "/dev/null", *(f"-o{option}" for option in options)))


def git_configuration(request: Request, ca: str, helper: Sequence[str], owned: Sequence[str] = ()) -> str:
    """The configuration of the git that fetches: no redirect, no cookie, no proxy, no helper but ours.

    `ca` is the path of a certificate file, `helper` the command that tells the password, `owned` are the folders of a
    local repository that another user may own.
    """
    lines = [
        "[http]", "\tfollowRedirects = false", "\tsslVerify = true", "\tcookieFile =", "\tproxy =",
        "\temptyAuth = false",
        "\tlowSpeedLimit = 100", f"\tlowSpeedTime = {request.patience}",
        *([f"\tsslCAInfo = {quoted(ca)}"] if ca else []),
        "[credential]", "\thelper =", *([f"\thelper = {quoted('!' + join(helper))}"] if helper else []),
        "[protocol]", "\tversion = 2",
        "[fetch]", "\tunpackLimit = 1",
        "[pack]", "\tthreads = 1",
        "[core]", "\tbigFileThreshold = 16m",
        *(["[safe]", *(f"\tdirectory = {quoted(folder)}" for folder in owned)] if owned else []),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A value of git's configuration."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def answer(question: str, server_name: str, user: str, secret: str) -> str:
    """What a credential helper says to git's question (git-credential(1)): nothing, unless it is about our server.

    Raises ValueError when the secret cannot be said.
    """
    asked = dict(line.partition("=")[::2] for line in question.splitlines())
    host = asked.get("host", "")
    if asked.get("protocol") != "https" or (host if ":" in host else f"{host}:443") != server_name:
        return ""
    if not secret or not secret.isprintable():
        raise ValueError("the credential is empty, or has characters in it that no password has")
    return f"username={user or 'git'}\npassword={secret}\n"


def problems(url: str, credential: str, known_hosts: Sequence[str], ca: str) -> list[tuple[str, str, str]]:
    """Why a repository can never be fetched like this: keys of `fetch`, each with a sentence and what to do."""
    found = []
    if url.startswith("ssh:") and not credential:
        hint = "Name the credential that holds the private key."
        found.append(("credential", "A repository at an ssh:// URL needs a credential.", hint))
    if url.startswith("ssh:") and not known_hosts:
        hint = f"ssh-keyscan shows the keys of {server(url).partition(':')[0]}; compare them with what its owner says."
        found.append(("knownHosts", "A repository at an ssh:// URL needs the keys that the server may have.", hint))
    if "PRIVATE KEY-----" in ca:
        found.append(("ca", "There is a private key among the certificates.", "Take it out, and make another one."))
    elif ca and "-----BEGIN CERTIFICATE-----" not in ca:
        found.append(("ca", "This is no certificate in PEM form.", "It starts with -----BEGIN CERTIFICATE-----."))
    return found


def advice(said: str) -> str:
    """What to do about words of git or ssh; empty when there is nothing better than to read them."""
    return next((hint for sign, hint in _ADVICE if sign in said), "")


def for_settings(text: str) -> str:
    """A hint that speaks of a registration, in the words of the host's settings: for the system repository."""
    for said, meant in _SETTINGS:
        text = text.replace(said, meant)
    return text


_SETTINGS = (
    ('"credential" under "fetch"', "Credential=, or the system credential bitbuilder.git"),
    ('the credential that "credential" names', "the credential that Credential= names, or bitbuilder.git"),
    ('the key that "credential" names', "the key that Credential= names, or bitbuilder.git"),
    ('"user" under "fetch"', "User="), ("into the registration", "into Repository="), ('in "branch"', "in Branch="),
    ('"knownHosts" under "fetch"', "KnownHostsFile=, or the system credential bitbuilder.known-hosts"),
    ('"ca" under "fetch"', "CAFile=, or the system credential bitbuilder.ca"),
)  # fmt: skip
_LARGE = "It may be larger than a host takes, 256 MiB packed: start a new history, or leave large files out."
# Signs are looked for in what programs say to people. Only a hint hangs on it.
_ADVICE = (
    ("The requested URL returned error: 30", "The server sends us elsewhere, which is not followed: write the address "
     "of the repository as it is now into the registration."),
    ("terminal prompts disabled", 'The server asks for a password: set "credential" under "fetch".'),
    ("Authentication failed", 'Check "user" under "fetch", and the credential that "credential" names.'),
    ("SSL CA cert", 'This host trusts no authority: install ca-certificates, or set "ca" under "fetch".'),
    ("certificate", 'Set "ca" under "fetch" to the certificate of the authority that signed the server\'s.'),
    ("Host key verification failed", 'Correct "knownHosts" under "fetch": ssh-keyscan shows the keys of a server.'),
    ("Permission denied (", 'Check "user" under "fetch", and that the server knows the key that "credential" names.'),
    ("error in libcrypto", "The credential is no private key of OpenSSH; it must end with a newline."),
    ("invalid index-pack output", _LARGE), ("signal 25", _LARGE), ("File too large", _LARGE), ("ut of memory", _LARGE),
    ("couldn't find remote ref", 'Push a commit to that branch, or name the one that is there in "branch".'),
    ("Could not resolve host", "Check the name of the server, and the name servers of this host."),
)  # fmt: skip
