"""A tenant that is right: its repository has every kind of file, and takes what its grants allow."""

from collections.abc import Mapping

from bbhv.findings import Place
from bbhv.kinds.script import SCRIPTS
from bbhv.model.host import HostFacts, Offered
from bbhv.model.registration import Grants, Registration, Trust

from ..model import DIGEST
from ..test_formats_credblob import HOST, NOT_AFTER

WEB, DB, VM = "containers/web.nspawn", "containers/db.nspawn", "machines/vm.vmspawn"
APP, DATA, DRIVE = "infrastructure/app.image", "infrastructure/data.volume", "infrastructure/drive.volume"
SLICE, KEY, META = "infrastructure/tenant.slice", "infrastructure/credentials/key.cred", "metadata.json"
LAN_DEVICE, LAN, WAY, UPLINK = "network/lan.netdev", "network/lan.network", "network/way.network", "network/wan.network"
VLAN_DEVICE, WAY_DEVICE, AGENT = "network/v7.netdev", "network/way.netdev", "services/agent.portable"
HOST_KEY = "credentials/host1/key.cred"
TOOLS, MORE = "extensions/sysext/tools", "extensions/sysext/more.image"
CONF, EXTRA = "extensions/confext/conf", "extensions/confext/extra.image"
TOOLS_RELEASE = f"{TOOLS}/usr/lib/extension-release.d/extension-release.tools"
CONF_RELEASE = f"{CONF}/etc/extension-release.d/extension-release.conf"
PROVISION = "scripts/provision"

_TEXTS: Mapping[str, str] = {
    META: """\
{
  "apiVersion": "bitbuilder.io/v1",
  "tenant": "acme",
  "displayName": "Acme Ltd",
  "owner": {"name": "Ops", "email": "ops@acme.example"},
  "labels": {"env": "prod"},
  "lifecycle": {"healthTimeoutSec": 60, "keepGenerations": 5}
}
""",
    SLICE: """\
[Slice]
MemoryMax=4G
CPUQuota=200%
TasksMax=4096
CPUWeight=100
""",
    APP: f"""\
[Image]
Source=https://images.example.com/app.tar
SHA256={DIGEST}
Format=tar
Size=1G
""",
    DATA: """\
[Volume]
Size=1G
Use=container
""",
    DRIVE: """\
[Volume]
Size=2G
Format=ext4
Use=machine
""",
    WEB: """\
[Exec]
Boot=yes
Environment=ROLE=web
[Files]
TemporaryFileSystem=/var/cache:size=64M
[Network]
Bridge=lan
Port=tcp:8080:80
[X-Bitbuilder]
Image=debian-13
Volume=data:/srv/data
Credential=key
Address=10.77.0.10
Network=db:10.77.1.10
After=db
MemoryMax=512M
CPUQuota=50%
TasksMax=512
Health=http:80/healthz
""",
    DB: """\
[Exec]
Parameters=/usr/bin/postgres -D /data
[Network]
Bridge=db
[X-Bitbuilder]
Image=app
Address=10.77.1.20
""",
    VM: """\
[VM]
CPUs=1
RAM=512M
KernelCommandLine=console=ttyS0
[Network]
Bridge=lan
[X-Bitbuilder]
Image=debian-13-vm
Volume=drive
Address=10.77.0.30
Health=tcp:22
""",
    LAN_DEVICE: """\
[NetDev]
Name=lan
Kind=bridge
""",
    LAN: """\
[Match]
Name=lan
[Link]
MTUBytes=1500
[Network]
Address=10.77.0.1/24
DHCPServer=yes
IPv6SendRA=yes
[Address]
Address=fd00:77::1/64
[DHCPServer]
PoolOffset=100
DNS=10.77.0.10
[DHCPServerStaticLease]
MACAddress=02:00:00:00:00:01
Address=10.77.0.40
[IPv6SendRA]
RouterLifetimeSec=0
[IPv6Prefix]
Prefix=fd00:77::/64
""",
    "network/db.netdev": """\
[NetDev]
Name=db
Kind=bridge
""",
    "network/db.network": """\
[Match]
Name=db
[Network]
Address=10.77.1.1/24
""",
    WAY_DEVICE: """\
[NetDev]
Name=way
Kind=veth
[Peer]
Name=yaw
""",
    WAY: """\
[Match]
Name=way
[Network]
Bridge=lan
[Bridge]
Isolated=yes
""",
    "network/yaw.network": """\
[Match]
Name=yaw
[Network]
Bridge=db
""",
    VLAN_DEVICE: """\
[NetDev]
Name=v7
Kind=vlan
[VLAN]
Id=7
""",
    "network/v7.network": """\
[Match]
Name=v7
[Network]
Bridge=lan
""",
    UPLINK: """\
[Match]
Name=eth1
[Network]
VLAN=v7
""",
    TOOLS_RELEASE: "ID=debian\nVERSION_ID=13\n",
    f"{TOOLS}/usr/bin/tool": "#!/bin/sh\n",
    CONF_RELEASE: "ID=_any\n",
    f"{CONF}/etc/motd": "Welcome.\n",
    MORE: f"[Image]\nSource=https://images.example.com/more.tar\nSHA256={DIGEST}\nFormat=tar\n",
    EXTRA: f"[Image]\nSource=https://images.example.com/extra.tar\nSHA256={DIGEST}\nFormat=tar\n",
    AGENT: """\
[Portable]
Image=app
Prefix=agent
Unit=agent.service
Profile=strict
[X-Bitbuilder]
After=web
MemoryMax=64M
""",
    **{f"scripts/{name}": "#!/bin/sh\nexit 0\n" for name in SCRIPTS},
}
FILES: Mapping[str, bytes] = {
    **{path: text.encode() for path, text in _TEXTS.items()}, KEY: HOST, HOST_KEY: NOT_AFTER,
}  # fmt: skip

GRANTS = Grants(
    cpus=2.0, memory=4 << 30, tasks=4096, storage=20 << 30, machines=1, containers=2, images=("debian-*",),
    image_sources=("https://images.example.com/", "file:///srv/images/"), subnets=("10.77.0.0/16", "fd00:77::/48"),
    vlans=(7,), uplinks=("eth1",), ports=("tcp:8080-8090",), service_profiles=("strict", "trusted"),
)  # fmt: skip
REGISTRATION = Registration(
    tenant="acme", repository="https://git.example.com/acme.git", trust=Trust.UNSIGNED, grants=GRANTS,
    source=Place("tenants/acme.json"),
)  # fmt: skip
# The host offers an image to others, and another tenant, globex, has a range of user ids.
FACTS = HostFacts(
    systemd_version=262, host_name="host1", vsock=True, cids={"vm.acme": 70000},
    uid_bases={"web.acme": 1_000_000_000, "db.acme": 1_000_065_536, "web.globex": 1_000_131_072},
    vmspawn="/usr/bin/systemd-vmspawn", virtiofsd="/usr/libexec/virtiofsd",
    vmspawn_switches=frozenset(
        "--system --register --keep-unit --ephemeral --image-format --extra-drive --pass-ssh-key --notify-ready "
        "--bind --smbios11".split()
    ),
    offered={
        "debian-13": Offered(name="debian-13", path="/usr/lib/bitbuilder/offered/debian-13", format="tree",
                             identity="1"),
        "debian-13-vm": Offered(name="debian-13-vm", path="/usr/lib/bitbuilder/offered/debian-13-vm.raw",
                                format="raw", identity="2"),
        "globex-payroll": Offered(name="globex-payroll", path="/etc/bitbuilder/offered/globex-payroll", format="tree",
                                  identity="3"),
    },
)  # fmt: skip
