"""From settings to the audit log of this process."""

from __future__ import annotations

import hashlib
import json
import socket
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from connector.audit.checkpoint import NoteError, NoteVerifier
from connector.audit.disk import Disk
from connector.audit.errors import AuditLogError
from connector.audit.key_document import AuditKeyError
from connector.audit.keys import load_or_make_keys
from connector.audit.ledger import Ledger, resumed
from connector.audit.log import AuditLog
from connector.audit.prune_watch import PruneWatch
from connector.audit.redaction import EvidenceSealer
from connector.audit.rendering import Scribe
from connector.audit.space import Space
from connector.server.process import StartError
from connector.settings.fields import secret_octets

if TYPE_CHECKING:
    from connector.settings.schema import Settings

WORKER: Final = "0"
_SHARED: Final = frozenset({"discovered"})


def open_ledger(settings: Settings) -> tuple[Ledger, str | None]:
    """Open the log and begin to write; returns what keys were made, or None. Raises StartError.

    It belongs to the running event loop.
    """
    audit = settings.audit
    origin = f"{audit.instance or socket.gethostname()}/{WORKER}"
    secret = audit.evidence_key
    sealer = EvidenceSealer(None if secret is None else secret_octets(secret.get_secret_value()))
    try:
        keys = load_or_make_keys(audit.keys, origin)
        digest = settings_digest(settings)
        scribe = Scribe(keys.redactor, sealer, digest)
        folder = audit.directory / WORKER
        disk = Disk(folder)
        log = AuditLog(
            folder,
            origin,
            keys.signers,
            resumed=resumed(scribe),
            durable=audit.durability == "fsync",
            timeout=audit.timeout,
            disk=disk,
        )
        verifiers = [NoteVerifier.parse(vkey) for vkey in keys.vkeys]
        recovered = log.open(verifiers)
    except (AuditKeyError, AuditLogError, NoteError) as error:
        raise StartError(f"audit: {error}") from error
    ledger = Ledger(
        log,
        scribe,
        disk=disk,
        space=Space(audit.reserve),
        prunes=PruneWatch(folder, verifiers),
        vkeys=keys.vkeys,
        daily=audit.discovered_daily,
        shared=_SHARED.__contains__,
    )
    redaction = [keys.redactor.key_id, *(each.key_id for each in keys.older)]
    ledger.begin(
        recovered,
        origin=origin,
        software=f"ucp-connector {_version()}",
        settings=digest,
        keys={
            "checkpoint": keys.vkeys,
            "redaction": redaction,
            **({"evidence": list(sealer.key_ids)} if sealer.key_ids else {}),
        },
    )
    return ledger, str(audit.keys) if keys.made else None


def settings_digest(settings: Settings) -> str:
    """Return the SHA-256 of the settings in force, without their secrets."""
    shown: Any = settings.model_dump(mode="json")
    text = json.dumps(shown, sort_keys=True, separators=(",", ":"))
    return f"sha-256:{hashlib.sha256(text.encode()).hexdigest()}"


def _version() -> str:
    try:
        return version("ucp-connector")
    except PackageNotFoundError:
        return "unknown"
