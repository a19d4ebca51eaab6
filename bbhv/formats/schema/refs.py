"""Where the references of a JSON Schema lead: resources, identifiers, anchors, JSON pointers.

A resource is a schema with its own ``$id`` (or the document's top). Promises: nothing is ever fetched; a reference
leads into the schema itself or into the library that the caller gives, or it is an error.
"""

import re
from typing import Mapping

from ..jsonvalue import Json
from .apply import subschemas
from .types import Resource, SchemaError

DEFAULT_BASE = "schema:/"

# RFC 3986, appendix B; each group keeps its delimiter.
_URI = re.compile(r"([^:/?#]+:)?(//[^/?#]*)?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_HEX2 = re.compile(r"[0-9A-Fa-f]{2}")


class Registry:
    """All resources that a schema can refer to, found by walking its subschemas once."""

    def __init__(self, schema: Json, library: Mapping[str, Json]) -> None:
        self.library = library
        self.resources: dict[str, Resource] = {}
        self.tops: dict[int, Resource] = {}  # by identity of the schema
        self.top = self._add(schema, DEFAULT_BASE)

    def _add(self, schema: Json, retrieved: str) -> Resource:
        """Register a document and everything in it that has an `$id` or an anchor."""
        first: Resource | None = None
        todo: list[tuple[Json, Resource | None, str]] = [(schema, None, retrieved)]
        while todo:
            node, resource, base = todo.pop()
            if resource is None or (isinstance(node, dict) and isinstance(node.get("$id"), str)):
                uri = join(base, str(node["$id"])) if isinstance(node, dict) and "$id" in node else base
                uri = uri.removesuffix("#")
                resource = Resource(uri, node)
                self.resources.setdefault(uri, resource)
                self.tops[id(node)] = resource
                first = first or resource
            if not isinstance(node, dict):
                continue
            for keyword in ("$anchor", "$dynamicAnchor"):
                anchor = node.get(keyword)
                if isinstance(anchor, str):
                    resource.anchors[anchor] = node
                    if keyword == "$dynamicAnchor":
                        resource.dynamic[anchor] = node
            todo.extend((child, resource, resource.uri) for child in subschemas(node))
        assert first is not None
        self.resources.setdefault(retrieved, first)
        return first

    def vocabularies(self, resource: Resource) -> frozenset[str] | None:
        """The vocabularies that the resource's meta-schema asks for; None when that is not in the library."""
        schema = resource.top if isinstance(resource.top, dict) and "$schema" in resource.top else self.top.top
        uri = schema.get("$schema") if isinstance(schema, dict) else None
        meta = self.library.get(uri.removesuffix("#")) if isinstance(uri, str) else None
        wanted = meta.get("$vocabulary") if isinstance(meta, dict) else None
        return frozenset(wanted) if isinstance(wanted, dict) else None

    def resolve(self, reference: str, base: Resource) -> tuple[Json, Resource, str]:
        """The schema that a reference leads to, its resource, and the anchor by which it was found (may be empty).

        Raises SchemaError when there is none.
        """
        uri, _, fragment = join(base.uri, reference).partition("#")
        resource = self.resources.get(uri)
        if resource is None and uri in self.library:
            self._add(self.library[uri], uri)
            resource = self.resources.get(uri)
        if resource is None:
            raise SchemaError(f"The schema refers to {reference}, which is not there.")
        if fragment and not fragment.startswith("/"):
            if fragment not in resource.anchors:
                raise SchemaError(f"The schema refers to the anchor {reference}, which is not there.")
            return resource.anchors[fragment], resource, fragment
        return *self._walk(resource, unquote(fragment), reference), ""

    def _walk(self, resource: Resource, pointer: str, reference: str) -> tuple[Json, Resource]:
        """Follow a JSON pointer (RFC 6901); it may lead into a resource inside of the first one."""
        node = resource.top
        for step in pointer.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and step in node:
                node = node[step]
            elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
                node = node[int(step)]
            else:
                raise SchemaError(f"The schema refers to {reference}, which is not there.")
            resource = self.tops.get(id(node), resource)
        return node, resource


def join(base: str, reference: str) -> str:
    """A reference made absolute (RFC 3986, section 5.2.2)."""
    scheme, authority, path, query, fragment = _split(reference)
    old_scheme, old_authority, old_path, old_query, _ = _split(base)
    if not scheme:
        scheme = old_scheme
        if not authority:
            authority = old_authority
            if not path:
                path, query = old_path, query or old_query
            elif not path.startswith("/"):
                path = old_path.rpartition("/")[0] + "/" + path if old_path or not authority else "/" + path
    return scheme + authority + _without_dots(path) + query + fragment


def unquote(text: str) -> str:
    """Percent-encoded characters decoded; what is no UTF-8 becomes a replacement character."""
    first, *others = text.split("%")
    out = first.encode("utf-8", "surrogatepass")
    for part in others:
        hexadecimal = _HEX2.match(part)
        out += bytes.fromhex(part[:2]) if hexadecimal else b"%"
        out += part[2 if hexadecimal else 0 :].encode("utf-8", "surrogatepass")
    return out.decode("utf-8", "replace")


def _split(uri: str) -> tuple[str, str, str, str, str]:
    """Scheme, authority, path, query and fragment, each with its delimiter."""
    match = _URI.match(uri)
    scheme, authority, path, query, fragment = match.groups("") if match else ("", "", "", "", "")
    return scheme, authority, path, query, fragment


def _without_dots(path: str) -> str:
    """A path with its dot segments taken out (section 5.2.4)."""
    if "." not in path:
        return path
    out: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == ".." and out[1:]:
            out.pop()
        elif segment not in (".", ".."):
            out.append(segment)
    return "/".join(out) + ("/" if segments[-1] in (".", "..") else "")
