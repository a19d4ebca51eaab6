"""Room: what a tenant takes of its storage besides what it declares, and whether all of it fits the grant.

The images of a tenant are in the store, which shares bytes: each tenant that has one counts it whole. Nothing is
changed yet when this is asked, so what runs goes on when it does not fit.
"""

from collections.abc import Sequence

from ...findings import Finding
from ...model import grants
from ...model.compile import Generation
from ...model.manifest import ImageRef
from ...model.tenant import Tenant
from .. import paths
from ..storage import partial
from ..storage.customer import MAX_IMAGE
from ..storage.taken import taken
from .job import Job


def findings(job: Job, tenant: Tenant, generation: Generation) -> tuple[Finding, ...]:
    """What is too much. Images that the operator offers are not the tenant's."""
    own = sorted({image.path for image in generation.manifest.images if image.sha256})
    images = sum(taken(path) for path in own)
    return grants.stored(tenant, job.registration.grants, images, taken(paths.clone(job.tenant)))


def left(job: Job, wanted: Sequence[ImageRef], image: ImageRef, tenant: Tenant | None) -> int:
    """The bytes that an image may take: what is neither declared nor taken by the others, whole or on their way."""
    storage = job.registration.grants.storage
    if storage is None:
        return MAX_IMAGE
    others = {one.path for one in wanted if one.sha256 and one.path != image.path}
    other_bytes = sum(map(taken, (*others, *partial.of_others(job.tenant, image.sha256))))
    return max(0, min(MAX_IMAGE, storage - other_bytes - (grants.declared(tenant) if tenant else 0)))
