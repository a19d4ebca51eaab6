"""Advice about what a commit takes away, by what there was before: BB6xx."""

from collections.abc import Mapping

from .entry import Advice

CHANGES: Mapping[str, Advice] = {
    "BB601": Advice(
        text="""The tenant has workloads, and the commit has none. An empty checkout that was pushed looks the same, so
        nothing is stopped until the commit says that it is meant.""",
        fix="""Write `"lifecycle": {"allowEmpty": true}` into `metadata.json`, and take it out again afterwards.""",
        wrong='{"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}',
        right='{"apiVersion": "bitbuilder.io/v1", "tenant": "acme",\n  "lifecycle": {"allowEmpty": true}}',
    ),
    "BB602": Advice(
        text="""To run what the commit declares, something with data of its own must be made anew, and the data is gone
        then. `bbhv plan` says DATA LOSS beside it. Volumes are never removed by a commit.""",
        fix="""Undo the change that the finding names, or write the object's name into `allowDataLoss`.""",
        wrong='{"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}',
        right='{"apiVersion": "bitbuilder.io/v1", "tenant": "acme",\n  "lifecycle": {"allowDataLoss": ["db"]}}',
    ),
    "BB603": Advice(
        text="""The host has tenants, and the commit of the system repository has none for it: not one file in
        `tenants/` whose `hosts` has this host. A tenant that says `absent` counts as one that is there.""",
        fix="""Write `"allowEmpty": true` into `system.json`, and take it out again afterwards.""",
        wrong='{"apiVersion": "bitbuilder.io/v1"}',
        right='{"apiVersion": "bitbuilder.io/v1", "allowEmpty": true}',
    ),
    "BB604": Advice(
        text="""A drive of a machine, and the storage that the operator grants, are file systems with data at any place
        in them. They grow, but nothing makes them smaller: what runs goes on as it is.""",
        fix="""Write the old size again, or a larger one. For less, declare another volume, copy what is needed, and
        have the old one purged.""",
        wrong="[Volume]\nUse=machine\nSize=1G",
        right="[Volume]\nUse=machine\nSize=2G",
    ),
}
