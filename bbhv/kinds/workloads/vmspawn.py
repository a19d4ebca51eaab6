"""Every switch of systemd-vmspawn(1) of systemd 262, and the key of a machine's file that stands for it.

What a tenant may set comes from the table's rows (`Values.argv`); what the row of a switch refuses, the host decides.
The manual of each switch says since when there is one; 0 is for those of which it does not.
"""

from ...records import dataclass
from ..settings import Verdict
from .machine import TABLE

_PEOPLE = "It is for people at a terminal."


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch. `key` is the row of the machine's table that says who sets it; without one, `reason` says why."""

    name: str
    since: int
    key: str = ""
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """Who sets it: the verdict of its row; what no key stands for is the host's."""
        section, _, key = self.key.rpartition(".")
        return TABLE.by_key[section, key].verdict if self.key else Verdict.HOST


SWITCHES = (
    Switch("--help", 0, reason=_PEOPLE),
    Switch("--version", 0, reason=_PEOPLE),
    Switch("--no-pager", 0, reason=_PEOPLE),
    Switch("--no-ask-password", 0, reason=_PEOPLE),
    Switch("--quiet", 256, "VM.Quiet"),
    Switch("--system", 260, "VM.System"),
    Switch("--user", 260, "VM.User"),
    Switch("--directory", 256, "VM.Directory"),
    Switch("--ephemeral", 260, "VM.Ephemeral"),
    Switch("--image", 255, "X-Bitbuilder.Image"),
    Switch("--image-format", 260, "VM.ImageFormat"),
    Switch("--image-disk-type", 261, "VM.ImageDiskType"),
    Switch("--discard-disk", 256, "VM.DiscardDisk"),
    Switch("--grow-image", 258, "VM.GrowImage"),
    Switch("--cpus", 255, "VM.CPUs"),
    Switch("--ram", 255, "VM.RAM"),
    Switch("--kvm", 255, "VM.KVM"),
    Switch("--vsock", 255, "VM.VSock"),
    Switch("--vsock-cid", 255, "VM.VSockCID"),
    Switch("--tpm", 256, "VM.TPM"),
    Switch("--tpm-state", 258, "VM.TPMState"),
    Switch("--efi-nvram-template", 261, "VM.EFINVRAMTemplate"),
    Switch("--efi-nvram-state", 261, "VM.EFINVRAMState"),
    Switch("--secure-boot", 255, "VM.SecureBoot"),
    Switch("--firmware", 256, "VM.Firmware"),
    Switch("--firmware-features", 261, "VM.FirmwareFeatures"),
    Switch("--coco", 261, "VM.CoCo"),
    Switch("--network-tap", 255, "Network.Bridge"),
    Switch("--network-user-mode", 255, "VM.NetworkUserMode"),
    Switch("--linux", 256, "VM.Linux"),
    Switch("--initrd", 256, "VM.Initrd"),
    Switch("--smbios11", 258, "VM.SMBIOS11"),
    Switch("--notify-ready", 258, "VM.NotifyReady"),
    Switch("--machine", 255, "VM.Machine"),
    Switch("--uuid", 256, "VM.UUID"),
    Switch("--slice", 258, "VM.Slice"),
    Switch("--property", 258, "VM.Property"),
    Switch("--register", 256, "VM.Register"),
    Switch("--keep-unit", 0, "VM.KeepUnit"),
    Switch("--private-users", 256, "VM.PrivateUsers"),
    Switch("--bind", 256, "VM.Bind"),
    Switch("--bind-ro", 256, "VM.BindRO"),
    Switch("--extra-drive", 256, "X-Bitbuilder.Volume"),
    Switch("--bind-volume", 261, "VM.BindVolume"),
    Switch("--bind-user", 259, "VM.BindUser"),
    Switch("--bind-user-shell", 259, "VM.BindUserShell"),
    Switch("--bind-user-group", 259, "VM.BindUserGroup"),
    Switch("--forward-journal", 256, "VM.ForwardJournal"),
    Switch("--forward-journal-max-use", 261, "VM.ForwardJournalMaxUse"),
    Switch("--forward-journal-keep-free", 261, "VM.ForwardJournalKeepFree"),
    Switch("--forward-journal-max-file-size", 261, "VM.ForwardJournalMaxFileSize"),
    Switch("--forward-journal-max-files", 261, "VM.ForwardJournalMaxFiles"),
    Switch("--pass-ssh-key", 256, "VM.PassSSHKey"),
    Switch("--ssh-key-type", 256, "VM.SSHKeyType"),
    Switch("--console", 256, "VM.Console"),
    Switch("--console-transport", 261, "VM.ConsoleTransport"),
    Switch("--background", 256, "VM.Background"),
    Switch("--load-credential", 255, "X-Bitbuilder.Credential"),
    Switch("--set-credential", 255, "VM.SetCredential"),
)
