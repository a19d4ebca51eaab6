"""Advice about the form of files, BB1xx."""

from collections.abc import Mapping

from .entry import Advice

FORM: Mapping[str, Advice] = {
    "BB101": Advice(
        text="""All texts of a repository are UTF-8, as systemd and JSON want them. A byte that no UTF-8 text has, a
        NUL, or a byte order mark inside of a file has no meaning that everybody would agree on.""",
        fix="Save the file as UTF-8. The finding has the line and column of the first byte that is wrong.",
        file="containers/web.nspawn",
        wrong="# Café, in Latin-1\n[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=debian-13\n",
        right="# Café, in UTF-8\n[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=debian-13\n",
    ),
    "BB102": Advice(
        text="""A file in systemd's syntax has lines of three forms: `[Section]`, `Key=value`, and comments, which
        start with # or ; at the beginning of a line. systemd skips any other line with a warning in its log; here it
        is an error, for what was meant would not happen.""",
        fix="Write the line in one of the three forms. A value goes on after a \\ at the end of the line.",
        file="containers/web.nspawn",
        wrong="[Exec]\nBoot yes\nParameters=/bin/app\n[X-Bitbuilder]\nImage=debian-13\n",
        right="[Exec]\nBoot=yes\nParameters=/bin/app\n[X-Bitbuilder]\nImage=debian-13\n",
    ),
    "BB103": Advice(
        text="""JSON files are read strictly as RFC 8259 says. A key that is there twice, a comment, a comma too many,
        NaN, and half of a surrogate pair are errors: readers differ in what they make of them.""",
        fix="Correct the JSON at the line and column of the finding.",
        file="metadata.json",
        wrong='{\n  "apiVersion": "bitbuilder.io/v1",\n  "tenant": "acme",\n}\n',
        right='{\n  "apiVersion": "bitbuilder.io/v1",\n  "tenant": "acme"\n}\n',
    ),
    "BB104": Advice(
        text="""The JSON can be read, but is not what its schema describes: a key that is not known, a value of another
        type, or one that is out of its bounds. The schemas are in `/usr/lib/bitbuilder/schemas`, and the pages
        `bbhv.tenant`(5) and `bbhv.system`(5) list every key.""",
        fix="Write what the hint says. With a `$schema` in the file, an editor says it while one types.",
        file="metadata.json",
        wrong='{\n  "apiVersion": "bitbuilder.io/v1",\n  "tenant": "acme",\n  "labels": {"year": 2026}\n}\n',
        right='{\n  "apiVersion": "bitbuilder.io/v1",\n  "tenant": "acme",\n  "labels": {"year": "2026"}\n}\n',
    ),
    "BB105": Advice(
        text="""A file, or what is in it, is larger than a declaration can sensibly be. The bounds let a host read
        everybody's repository in little time and memory. Large data belongs into an image, a volume, or an extension's
        image.""",
        fix="Move the data out of the file, or split it.",
        wrong="truncate -s 2M containers/web.nspawn",
        right="truncate -s 2K containers/web.nspawn",
    ),
    "BB106": Advice(
        text="""Only plain files are read. A symbolic link could point anywhere on the host, a submodule is another
        repository that nobody verified, and a device, a socket or a FIFO is none of a declaration's business.""",
        fix="Commit the file itself.",
        wrong="ln -s ../../shared/web.nspawn containers/web.nspawn",
        right="cp ../shared/web.nspawn containers/web.nspawn",
    ),
    "BB107": Advice(
        text="""A name is lower-case letters, digits and single dashes, starts with a letter, and has at most 24
        characters: it becomes part of the names of units, machines and folders on the host. Files of which only upper
        and lower case differ, control characters, and very long or deep paths are not allowed anywhere.""",
        fix="Rename the file.",
        file="containers/Web_1.nspawn",
        wrong="[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=debian-13\n",
    ),
    "BB108": Advice(
        text="""Nothing reads the file: it lies where no kind of declaration lies, or has another ending. It is only a
        warning, but most of the time the file was meant to do something. Dot files, README*, LICENSE*, *.md and all of
        `docs/` are left alone.""",
        fix="Move or rename it as the hint says, or put it into `docs/`.",
        file="container/web.nspawn",
        wrong="[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=debian-13\n",
    ),
    "BB109": Advice(
        text="""A repository without this file is not complete. `metadata.json` says which tenant the repository is of,
        so that a registration that points to the wrong repository is noticed.""",
        fix="Add the file. `bbhv init` writes one into a new repository.",
        file="metadata.json",
        right='{"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}\n',
    ),
    "BB110": Advice(
        text="""The repository has more files, more bytes or more declarations than a host reads. What lies beyond the
        bound was not checked.""",
        fix="Remove what is not a declaration, put large data into images, or make two tenants of one.",
        wrong="for i in $(seq 30000); do echo > docs/$i; done",
        right="for i in $(seq 30000); do echo; done > docs/all",
    ),
    "BB111": Advice(
        text="""An image was given whose parts cannot be read: a partition table with a wrong checksum, a program
        header that points behind the end, a file that was cut off. Neither a firmware nor systemd would take it.""",
        fix="Build or download the image again, and compare its SHA-256.",
        wrong="head -c 1M app.raw > broken.raw; bbhv validate broken.raw",
        right="bbhv validate app.raw",
    ),
    "BB112": Advice(
        text="""The image can be read, but is not what a specification of the UAPI group says: partitions of types
        that do not belong together, verity data without its sibling, a unified kernel image without one of the
        sections that it must have.""",
        fix="Build the image with a tool that follows the specification, such as `systemd-repart`(8) or `ukify`(1).",
        wrong="sfdisk --part-type app.raw 2 linux  # the root, by a type of no meaning",
        right="sfdisk --part-type app.raw 2 4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
    ),
    "BB113": Advice(
        text="""An extension says in its `extension-release.`<NAME> for which system it was built. systemd does not
        merge one whose file is missing, is called otherwise, or whose `ID=` and level or version do not match the
        system: a library of one version under programs of another would be the result.""",
        fix="""Add `usr/lib/extension-release.d/extension-release.`<NAME>, below `etc` for a configuration extension,
        with the `ID=` of the image, or `ID=_any`.""",
        file="extensions/confext/ntp/etc/extension-release.d/extension-release.ntp",
        wrong="VERSION_ID=13\n",
        right="ID=_any\n",
    ),
    "BB114": Advice(
        text="""An entry of the Boot Loader Specification, `loader/entries/`<NAME>`.conf`, has bytes that not every boot
        loader reads in the same way: a byte order mark, control characters, lines that end with CR LF. What is wrong
        with its keys has the codes of settings, BB2xx.""",
        fix="Save the file as UTF-8 without a byte order mark, with lines that end with LF.",
        wrong="printf 'title My\\tHost\\r\\n' >> loader/entries/host.conf",
        right="printf 'title My Host\\n' >> loader/entries/host.conf",
    ),
    "BB115": Advice(
        text="""Something could not be looked at here, so nobody knows whether it is right: a tool that reads a file
        system is not installed, or a part of an image is encrypted or for booting. Everything else was checked.""",
        fix="Install the tool that the hint names, or check on a machine that has it.",
        wrong="PATH=/usr/bin:/bin bbhv validate tools.sysext.raw  # without unsquashfs",
        right="apt install squashfs-tools; bbhv validate tools.sysext.raw",
    ),
}
