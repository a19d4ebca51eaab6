"""A tenant repository with as many declarations as are asked for: a third each of containers, volumes and images."""

from pathlib import Path

METADATA = '{"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}\n'
IMAGE = "[Image]\nSource=file:///srv/images/base-{n}.tar\nSHA256={n:064x}\nFormat=tar\n"
VOLUME = "# What container c{n} keeps.\n[Volume]\nSize=1G\n"
CONTAINER = """# One of many.
[Exec]
Boot=yes
Environment=ROLE=web "GREETING=hello there" NUMBER={n}
KillSignal=SIGRTMIN+3
[X-Bitbuilder]
Image=i{n}
Volume=v{n}:/srv/data
MemoryMax=64M
CPUQuota=50%
Health=unit
"""


def write(top: Path, count: int) -> Path:
    """Write the repository into a new folder. Container c1 starts after c0, and so on."""
    for folder in ("infrastructure", "containers"):
        (top / folder).mkdir(parents=True)
    (top / "metadata.json").write_text(METADATA)
    for n in range((count - 1) // 3):
        (top / f"infrastructure/i{n}.image").write_text(IMAGE.format(n=n))
        (top / f"infrastructure/v{n}.volume").write_text(VOLUME.format(n=n))
        after = f"After=c{n - 1}\n" if n else ""
        (top / f"containers/c{n}.nspawn").write_text(CONTAINER.format(n=n) + after)
    return top
