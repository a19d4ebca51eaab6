"""Room: what a tenant takes of its storage besides what it declares, and whether all of it fits the grant.

The images of a tenant are in the store, which shares bytes: each tenant that has one counts it whole. Nothing is
changed yet when this is asked, so what runs goes on when it does not fit.
"""

import errno
import os
import stat

from ...findings import Finding
from ...model import grants
from ...model.compile import Generation
from ...model.tenant import Tenant
from .. import paths
from .job import Job

# Of a file system: st_blocks counts these, whatever its blocks are.
_BLOCK = 512
_PASSED_OVER = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def findings(job: Job, tenant: Tenant, generation: Generation) -> tuple[Finding, ...]:
    """What is too much. Images that the operator offers are not the tenant's."""
    own = sorted({image.path for image in generation.manifest.images if image.sha256})
    images = sum(taken(path) for path in own)
    return grants.stored(tenant, job.registration.grants, images, taken(paths.clone(job.tenant)))


def taken(path: str) -> int:
    """The bytes that something takes on the disk, as deep as a path can lead; what vanishes meanwhile takes nothing."""
    total = 0
    left = [path]
    while left:
        one = left.pop()
        try:
            status = os.lstat(one)
            total += status.st_blocks * _BLOCK
            if stat.S_ISDIR(status.st_mode):
                left += [f"{one}/{name}" for name in os.listdir(one)]
        except OSError as error:
            if error.errno not in _PASSED_OVER:
                raise
    return total
