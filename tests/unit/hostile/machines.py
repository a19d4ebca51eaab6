"""What a machine might get hold of: files, users and hardware of the host, and what QEMU would do for it."""

from .base import VM
from .trick import Trick, files, instead, lines, words

UNIT = "tenant-machine@vm.acme.service.d/10-bitbuilder.conf"

HOST = (
    *lines(VM, "VM",
           ("see the root of the host", "Bind=/:/host", "BB204"),
           ("start from a folder of the host", "Directory=/", "BB204"),
           ("have the host write its image", "Ephemeral=no", "BB203"),
           ("have its disk guessed from what it wrote", "ImageFormat=qcow2", "BB203"),
           ("choose how its disk is attached", "ImageDiskType=nvme", "BB203"),
           ("read any file as variables of the firmware", "EFINVRAMTemplate=/etc/shadow", "BB204"),
           ("write the variables where it likes", "EFINVRAMState=/etc/passwd", "BB203"),
           ("have firmware without its guard", "FirmwareFeatures=!secure-boot", "BB203"),
           ("have a user of the host inside", "BindUser=root", "BB204"),
           ("put such a user into a group", "BindUserGroup=wheel", "BB204"),
           ("run as root of the host", "User=yes", "BB203"),
           ("be in the slice of another tenant", "Slice=tenants-globex.slice", "BB203"),
           ("have any property of a unit", "Property=CapabilityBoundingSet=~", "BB203"),
           ("be called like another machine", "Machine=vm.globex", "BB203"),
           ("speak as another machine on vsock", "VSockCID=2", "BB203"),
           ("reach the host's own services", "NetworkUserMode=yes", "BB204"),
           ("write into the host's journal", "ForwardJournal=/var/log/journal/x", "BB203"),
           ("have a key of the host's", "PassSSHKey=yes", "BB203"),
           ("speak with the operator's terminal", "Console=interactive", "BB203"),
           ("have a secret in the clear", "SetCredential=key:hunter2", "BB204"),
           ("be emulated at the cost of all", "KVM=no", "BB203"),
           ("have the secrets of the processor", "CoCo=sev-snp", "BB204")),
    *lines(VM, "X-Bitbuilder",
           ("have room that is no disk's", "ScratchSize=1T", "BB203"),
           ("be a router between networks", "Network=db", "BB204"),
           ("lay an extension over the host", "Extension=tools", "BB204"),
           ("reach the host's API", "Control=full", "BB204"),
           ("restart as fast as it can", "RestartSec=0", "BB203"),
           ("run a program when it is sound", "OnSuccess=poweroff.target", "BB202")),
    *instead(VM, "Health=tcp:22", ("hang the host on a pattern", "Health=console:(a*)*(a*)*b", "BB205")),
)  # fmt: skip

WORDS = (
    *lines(VM, "VM",
           ("start any file as firmware", "Firmware=/etc/shadow", "BB205"),
           ("start a kernel of the host", "Linux=/boot/vmlinuz", "BB205"),
           ("start a kernel that nobody gave it", "Linux=globex-payroll", "BB402"),
           ("load a file of the host into memory", "Linux=debian-13-vm\nInitrd=../../etc/shadow", "+1 BB205"),
           ("hand on a secret by SMBIOS", "SMBIOS11=io.systemd.credential:passwd.hashed-password.root=x", "BB205"),
           ("say to the kernel what is not shown", "SMBIOS11=io.systemd.stub.kernel-cmdline-extra=init=/x", "BB205"),
           ("end the string by a control character", "SMBIOS11=a\x01b", "BB205"),
           ("hand on a secret by the kernel", "KernelCommandLine=systemd.set_credential=a:b", "BB205"),
           ("hand it on spelt otherwise", "KernelCommandLine=\"systemd.set-credential-binary=a:b\"", "BB205"),
           ("write letters that look like others", "KernelCommandLine=init=/bin/ѕh", "BB205")),
    *instead(VM, "CPUs=1",
             ("have more processors than can run", "CPUs=3", "BB401"),
             ("have processors by an option of QEMU", "CPUs=1,maxcpus=512", "BB205")),
    *instead(VM, "RAM=512M",
             ("have more memory than is granted", "RAM=5G", "BB401"),
             ("have memory that is added later", "RAM=512M:1T", "BB205"),
             ("have memory from a file of the host", "RAM=512M,mem-path=/dev/sda", "BB205")),
    *lines(VM, "VM", ("fill the disk of the host", "GrowImage=64G", f"{VM}:9 BB401")),
    *instead(VM, "Volume=drive",
             ("have a device of the host as a drive", "Volume=/dev/sda", "BB205"),
             ("have a drive by an option of QEMU", "Volume=drive,format=qcow2", "BB205"),
             ("have the folder that containers write", "Volume=data:/srv/data", "BB209"),
             ("choose where the host mounts it", "Volume=drive:/srv/data", "BB209")),
    *instead(VM, "Bridge=lan",
             ("be on a tap of the host", "Bridge=tap0", "BB301"),
             ("be in the VLAN itself", "Bridge=v7", "BB209")),
    *instead(VM, "Image=debian-13-vm",
             ("start from an image that others are offered", "Image=globex-payroll", "BB402"),
             ("start from an archive", "Image=app", "BB209")),
    *files(("run more machines than are granted", "machines/second.vmspawn",
            "[VM]\nRAM=64M\n[X-Bitbuilder]\nImage=debian-13-vm\n", f"{VM}:0 BB401"),
           ("be called like a container", "machines/web.vmspawn",
            "[VM]\nRAM=64M\n[X-Bitbuilder]\nImage=debian-13-vm\n", "BB304")),
)  # fmt: skip

HARMLESS = (
    *words(VM, "VM", UNIT,
           ("be an option of vmspawn", "KernelCommandLine=--bind=/:/host", "--bind=/:/host"),
           ("expand the name of the host", "KernelCommandLine=systemd.hostname=%H", "systemd.hostname=%H"),
           ("add an option to QEMU's", "SMBIOS11=x,path=/etc/shadow", "--smbios11=x,path=/etc/shadow")),
)  # fmt: skip

TRICKS: tuple[Trick, ...] = (*HOST, *WORDS, *HARMLESS)
