"""Where rounds are played: two merchants, a platform, a store, and a gateway that outlives all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from connector.server.faults import SWITCH
from tests.end_to_end.gateway import ROOT, RunningGateway, configuration
from tests.end_to_end.platform import Platform
from tests.faults.books import Books
from tests.faults.shop import KEPT_OCTETS, Shop
from tests.store_servers import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION: Final = "connector.yaml"
AUDIT: Final = "UCP_CONNECTOR__AUDIT__DIRECTORY"
_SLOW: Final = "5s"
"""``store.timeout``: the machine may be busy; a store that is gone is not what is tested here."""


class Site:
    """Shared by all rounds, which may run at once."""

    def __init__(self, folder: Path, lease: float, shops: dict[bool, Shop], books: Books) -> None:
        self.folder = folder
        self.lease = lease
        self.shops = shops
        self.books = books
        self.platform = Platform()
        self.steady: RunningGateway
        """The gateway that nothing happens to."""

    @property
    def validating(self) -> Path:
        """The configuration of gateways that check bodies, too, and forward them all the same."""
        return self.folder / "validating" / CONFIGURATION

    def configure(self, folder: Path, store: dict[str, Any], *, validates: bool = False) -> Path:
        """Write a configuration and return its path; all gateways sign with the same keys."""
        registration = self.platform.registration()
        merchants = [shop.as_setting(registration) for shop in self.shops.values()]
        if validates:
            merchants = [{**each, "validation": {"requests": "report"}} for each in merchants]
        settings = configuration(
            *merchants,
            store={"timeout": _SLOW, "max_replayable_body": KEPT_OCTETS, **store},
            signing={"keys": str(self.folder / "keys.json")},
        )
        path = folder / CONFIGURATION
        path.write_text(json.dumps(settings, indent=2))
        return path


@contextmanager
def open_site(folder: Path, lease: float) -> Iterator[Site]:
    """Open a site. In the end the gateway that outlives all must end well, holding nothing."""
    with ExitStack() as stack:
        shops = {each: stack.enter_context(Shop(idempotent=each)) for each in (False, True)}
        server = stack.enter_context(running_server(folder / "store"))
        books = stack.enter_context(Books(server.unix_path))
        site = Site(folder, lease, shops, books)
        path = site.configure(folder, {"url": server.url})
        site.validating.parent.mkdir()
        site.configure(site.validating.parent, {"url": server.url}, validates=True)
        with gateway(path, {"lease": lease}) as site.steady:
            yield site
            metrics = site.steady.admin("/metrics").body.decode().splitlines()
            assert "ucp_connector_leases 0.0" in metrics
            assert "ucp_connector_settlements_waiting 0.0" in metrics
            end_well(site.steady)
        for shop in shops.values():
            assert shop.asked_too_often() == []


@contextmanager
def gateway(
    path: Path, fault: dict[str, Any], audit: Path | None = None
) -> Iterator[RunningGateway]:
    """Run ``serve`` with a fault to come; whatever has become of it, it is gone in the end.

    It writes an audit log of its own, or that in the folder ``audit``.
    """
    folder = audit or path.parent / f"audit-{uuid.uuid4()}"
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and command
        [sys.executable, "-m", "connector.cli.main", "serve", "-c", str(path)],
        cwd=ROOT,
        env=_environment() | {SWITCH: json.dumps(fault), AUDIT: str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield RunningGateway(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def end_well(running: RunningGateway, *expected: str) -> None:
    """Stop a gateway: it ends in order, and has complained of nothing but what is expected."""
    assert running.stop() == 0
    errors = [line for line in running.stderr if "Traceback" in line or " ERROR " in line]
    assert len(errors) == len(expected), errors
    assert all(text in line for text, line in zip(expected, errors, strict=True)), errors


def _environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("UCP_CONNECTOR")}
