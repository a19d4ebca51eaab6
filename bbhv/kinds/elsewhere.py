"""Words of other programs, and what says the same here: hints for keys and sections that no kind of file has.

People come from podman's Quadlet, from compose files and from unit files of services. A word is looked up without
case, dashes and underscores; a section is looked up with its brackets. What misspelling alone would find is not here.
"""

from collections.abc import Mapping

_NETWORK = "Declare network/NAME.netdev, and write Bridge=NAME in [Network]."
_PROGRAM = "Write Parameters= in [Exec] with the program and its arguments."
_VOLUME = "Declare infrastructure/NAME.volume, and write Volume=NAME:/PATH in [X-Bitbuilder]."
_NAME = "Leave it out: the name of the file is the name."
_ORDER = "Write After= in [X-Bitbuilder]."
_START = "Leave it out: what is in the repository is started."
_HEALTH = "Write Health= in [X-Bitbuilder]."
_POWER = "Leave it out: no grant gives a workload power over the host."
_SECTIONS = "Write what runs into [Exec], and the image, volumes and limits into [X-Bitbuilder]."
_SECRET = "Commit infrastructure/credentials/NAME.cred, and write Credential=NAME in [X-Bitbuilder]."


def _each(hint: str, *words: str) -> dict[str, str]:
    return dict.fromkeys(words, hint)


# What is the same for everything that runs.
RUNS: Mapping[str, str] = {
    **_each(_NAME, "containername", "podname", "servicename", "name"),
    **_each(_ORDER, "dependson", "requires", "wants", "bindsto", "before", "partof", "requisite"),
    **_each(_START, "wantedby", "requiredby", "alias", "also", "autostart", "[install]"),
    **_each("Write it as a comment, in a line that starts with #.", "description", "documentation", "label", "labels",
            "annotation"),
    **_each(_HEALTH, "healthcmd", "healthcheck", "healthstartupcmd"),
    **_each("Write HealthTimeoutSec= in [X-Bitbuilder].", "healthtimeout"),
    **_each("Write HealthGraceSec= in [X-Bitbuilder].", "healthstartperiod", "timeoutstartsec", "timeoutsec"),
    **_each("It goes back to the last good generation by itself. Leave it out.", "healthonfailure", "onfailure"),
    **_each("Write MemoryMax= in [X-Bitbuilder].", "memlimit", "memory", "memorylimit", "memswaplimit", "shmsize"),
    **_each("Write CPUQuota= in [X-Bitbuilder], such as CPUQuota=50%.", "cpu", "cpus", "cpulimit", "cpushares"),
    **_each("Write TasksMax= in [X-Bitbuilder].", "pidslimit", "limitnproc"),
    **_each("Write Restart=always, on-failure or no in [X-Bitbuilder].", "restartpolicy"),
    **_each(_SECRET, "secret", "secrets", "loadcredential", "setcredential", "loadcredentialencrypted"),
    **_each(_VOLUME, "mount", "mounts", "volumes", "bindpaths", "bindreadonlypaths", "rootfs"),
    **_each("Leave it out: an image changes when its SHA256= in infrastructure/NAME.image does.", "autoupdate", "pull",
            "pullpolicy"),
    **_each(_POWER, "privileged", "adddevice", "devices", "deviceallow", "pid", "ipc", "cgroupparent", "gidmap",
            "uidmap", "subuidmap", "subgidmap", "securitylabeldisable", "securityopt", "podmanargs", "globalargs",
            "sysctl", "ulimit"),
    **_each("Leave it out: the host has the log.", "logdriver", "logopt", "logging", "standardoutput", "standarderror"),
    **_each(_NETWORK, "networkmode", "networkalias", "networks", "ip", "ip6", "dns", "dnssearch", "addhost",
            "extrahosts", "links"),
    **_each("Leave it out: workloads have nothing in common but their networks and volumes.", "pod", "startwithpod"),
}
CONTAINER: Mapping[str, str] = {
    **RUNS,
    **_each(_SECTIONS, "[container]", "[service]", "[unit]", "[pod]", "[kube]", "[bitbuilder]"),
    **_each("Write Volume= in [X-Bitbuilder], and the volume itself into infrastructure/NAME.volume.", "[volume]"),
    **_each("Write Image= in [X-Bitbuilder], and the image itself into infrastructure/NAME.image.", "[image]"),
    **_each(_PROGRAM, "exec", "execstart", "command", "cmd", "entrypoint", "runinit"),
    **_each("Write the start into Parameters=, which may be a shell's.", "execstartpre", "execstartpost"),
    **_each("Write KillSignal= in [Exec]; the container has time to stop by itself.", "execstop", "stopsignal",
            "stoptimeout"),
    **_each("Write Environment= in [Exec], NAME=VALUE.", "env", "envs"),
    **_each("Write Environment= in [Exec] for each variable: no file is read.", "environmentfile", "envfile",
            "environmenthost"),
    **_each("Write User= in [Exec].", "group", "userns", "usergroup", "dynamicuser"),
    **_each("Write WorkingDirectory= in [Exec].", "workdir", "workingdir"),
    **_each("Write Hostname= in [Exec].", "host"),
    **_each("Write Port= in [Network], such as Port=tcp:8080:80.", "publishport", "ports", "publish", "expose",
            "exposehostport", "listenstream"),
    **_each(_POWER, "addcapability", "capadd", "ambientcapabilities", "capabilityboundingset"),
    **_each("Write DropCapability= in [Exec].", "capdrop"),
    **_each("Write TemporaryFileSystem= in [Files], such as /var/cache:size=64M.", "tmpfs"),
    **_each("Write SystemCallFilter= in [Exec].", "seccompprofile"),
    **_each("Write Image= in [X-Bitbuilder] with the name of an image; images are built elsewhere.", "build",
            "dockerfile", "rootimage", "rootdirectory"),
    "tty": "Leave it out: the console goes to the log.",
    "type": "Leave it out, or write NotifyReady=yes in [Exec] for a program that says when it is ready.",
}
MACHINE: Mapping[str, str] = {
    **RUNS,
    **_each("Write CPUs= and RAM= into [VM], and the image, volumes and limits into [X-Bitbuilder].", "[machine]",
            "[virtualmachine]", "[domain]", "[service]", "[unit]"),
    **_each(_NETWORK, "net", "nic", "netdev"),
    **_each("A machine has no ports of the host. Write Address= in [X-Bitbuilder] to reach it.", "port", "ports",
            "hostfwd"),
}
IMAGE: Mapping[str, str] = {
    **_each("Write Source=, with the SHA256= of what is there.", "url", "uri", "image", "location", "path", "file"),
    **_each("Write SHA256= with the 64 digits that sha256sum(1) prints.", "digest", "checksum", "hash", "sha256sum",
            "sha512", "verify"),
    **_each("Write Signature= with the URL of its signature.", "sig", "asc", "gpg", "gpgsignature", "signatureurl"),
    "type": "Write Format=tar or Format=raw.",
    "[container]": "Write [Image].",
}
VOLUME: Mapping[str, str] = {
    **_each("Leave it out: the host decides where the volume lies.", "driver", "device", "path", "options", "copy",
            "what", "where", "volumename", "name"),
    **_each("Write Size=.", "capacity", "limit", "quota"),
    "type": "Write Format= and Use=.",
    "[mount]": "Write [Volume].",
}
LIMITS: Mapping[str, str] = {
    **_each("Write MemoryMax=.", "memory", "memlimit", "memorylimit"),
    **_each("Write CPUQuota=, such as CPUQuota=200%.", "cpu", "cpus"),
    **_each("Write [Slice].", "[service]", "[limits]", "[resources]"),
}
NETDEV: Mapping[str, str] = {
    "type": "Write Kind=.",
    "ifname": "Write Name=.",
    "id": "Write Id= in [VLAN], with Kind=vlan.",
    "address": "Write Address= into network/NAME.network.",
    "subnet": "Write Address= into network/NAME.network.",
    "gateway": "Write Address= into network/NAME.network: the address of the host is the way out.",
    "[network]": "Write it into network/NAME.network, and [NetDev] here.",
    "[interface]": "Write [NetDev].",
}


_COMPOSE = "Write a file containers/NAME.nspawn for each service."
_BUILT = "Images are built elsewhere. Declare infrastructure/NAME.image, or use one that the host offers."
_LARGE = "Keep it elsewhere, and declare infrastructure/NAME.image with its Source= and SHA256=."
_FILES: Mapping[str, str] = {
    **_each(_COMPOSE, "compose.yml", "compose.yaml", "docker-compose.yml", "docker-compose.yaml", ".kube", ".pod"),
    **_each(_BUILT, "Dockerfile", "Containerfile", ".build", "mkosi.conf"),
    **_each(_LARGE, ".qcow2", ".raw", ".img", ".tar", ".tar.gz", ".tar.xz", ".tar.zst", ".tgz", ".squashfs", ".iso"),
    ".container": "Write it as containers/NAME.nspawn.",
    ".service": "Write it as services/NAME.portable, or run the program in containers/NAME.nspawn.",
}


def file(name: str) -> str:
    """A hint for the file of another program, or nothing."""
    return next((hint for end, hint in _FILES.items() if name == end or (end[0] == "." and name.endswith(end))), "")


def fold(word: str) -> str:
    """A word as it is looked up here."""
    return word.lower().replace("_", "").replace("-", "")
