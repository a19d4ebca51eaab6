"""Signers: who may sign, by what this host and its system repository have, looked up once in a run.

Nothing is listed and no file is read unless a policy asks for signatures.
"""

from collections.abc import Mapping
from threading import Lock

from ...errors import BbhvError
from ...findings import Finding
from ...formats.pubkeys import KeyFileError, MAX_KEY
from ...formats.voa import LOAD_PATHS, Node
from ...host import files, signatures, verifiers
from ...model import signers
from ...model.authority import Authority, UNSIGNED
from ...model.hostconf import HostSettings
from ...model.makers import Candidate
from ...model.registration import Registration


class Signers:
    """The verifiers of this host, over those that the system repository has in trust/ (path to content)."""

    def __init__(self, trust: Mapping[str, bytes]) -> None:
        self._given = dict(trust)
        self._nodes: dict[str, Node] | None = None
        self._lock = Lock()
        self._cache: dict[str, bytes] = {}
        self._left_out: tuple[Finding, ...] = ()

    def of_tenant(self, one: Registration) -> tuple[Authority, tuple[Finding, ...]]:
        """Who may sign a tenant's commits, and what was left out. Raises BbhvError."""
        if one.trust == UNSIGNED:
            return Authority(policy=UNSIGNED, whose=one.tenant), ()
        found, findings = signers.of_tenant(one, self._listed(), self._read)
        return found, (*self._left_out, *findings)

    def of_images(self, one: Registration) -> tuple[Authority, tuple[Finding, ...]]:
        """Who may sign a tenant's images, and what was left out. Raises BbhvError."""
        found, findings = signers.of_images(one, self._listed(), self._read)
        return found, (*self._left_out, *findings)

    def of_system(self, host: HostSettings) -> tuple[Authority, tuple[Finding, ...]]:
        """Who may sign the system repository: never anybody that the repository names. Raises BbhvError."""
        if host.trust == UNSIGNED:
            return Authority(policy=UNSIGNED, whose="the system repository"), ()
        given, problems = signers.credential_files(host.signers)
        self._given.update(given)
        nodes = {**self._listed(), **signers.nodes_of(tuple(given))}
        found, findings = signers.of_system(host.trust, nodes, self._read)
        return found, (*self._left_out, *problems, *findings)

    def _listed(self) -> dict[str, Node]:
        with self._lock:
            if self._nodes is None:
                host, self._left_out = verifiers.listing(LOAD_PATHS)
                self._nodes = {**host, **signers.nodes_of(tuple(self._given))}
            return self._nodes

    def _read(self, path: str) -> bytes:
        if path in self._given:
            return self._given[path]
        if path not in self._cache:
            try:
                data = files.read(path, MAX_KEY)
            except BbhvError as error:
                raise KeyFileError(error.message) from error
            if data is None:
                raise KeyFileError("The file is gone.")
            self._cache[path] = data
        return self._cache[path]


def is_made_by(found: Candidate, payload: bytes | int, namespace: str) -> bool:
    """Whether the verifier program of its technology says that the key made the signature over the payload, which may
    be an open file. Raises RefusedError."""
    key = found.key
    if key.technology == "ssh":
        return signatures.is_made_by_ssh(key.data.decode(), found.signature, payload, namespace)
    names = found.part.fingerprint, key.fingerprint
    return signatures.is_made_by_openpgp(key.data, names, found.signature, payload)
