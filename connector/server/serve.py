"""``serve``: one process from its configuration to its end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import sys
from typing import TYPE_CHECKING, Final

import uvicorn

from connector import es256
from connector.admin.health import Health
from connector.admin.listener import admin_application
from connector.admin.token import TokenFile, TokenFileError
from connector.admission.claims import LEASE
from connector.gateway import Gateway
from connector.ingress.protocol import IngressProtocol
from connector.server.admissions import Admissions, open_client
from connector.server.auditing import open_ledger
from connector.server.build import build_discovery, build_ingress, build_lane
from connector.server.clock import WallClock
from connector.server.faults import SWITCH, Faults, faults
from connector.server.fleets import build_fleet
from connector.server.following import Followed, Following
from connector.server.platform_keys import PlatformKeys
from connector.server.process import (
    StartError,
    allow_open_files,
    bind,
    calm_collector,
    is_loopback,
    log_to_standard_error,
    run,
    run_listeners,
    uvicorn_options,
)
from connector.server.publish import keep_all_published
from connector.server.resolutions import keep_writing_down, teller
from connector.server.signing_keys import SigningKeys
from connector.server.standing_warnings import warnings_of
from connector.server.validating import build_validation
from connector.signing.key_document import KeyFileError
from connector.store.embedded import EmbeddedServer, EmbeddedStoreError
from connector.store.targets import parse_target
from connector.telemetry.decisions import DecisionLog
from connector.telemetry.metrics import Metrics
from connector.transports.problems import ProblemRenderer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from connector.ingress.front import Ingress
    from connector.settings.schema import Settings

_logger = logging.getLogger("connector.server")
# What a request may take beside the merchant's own time, once the process was told to stop.
_DRAIN_MARGIN: Final = 5.0
_AUDIT_PATIENCE: Final = 10.0
"""Seconds for the last records and the last checkpoint of the audit log."""


def serve(config_path: str | None) -> int:
    """Serve until SIGTERM; ConfigurationError and StartError say why it could not start."""
    following = Following(config_path, os.environ)
    settings = following.settings
    log_to_standard_error()
    allow_open_files()
    listening = bind(settings.listen.host, settings.listen.port, "listen")
    administration = bind(settings.admin.host, settings.admin.port, "admin")
    run(lambda: _serve(following, listening, administration))
    return 0


async def _serve(
    following: Following, listening: socket.socket, administration: socket.socket
) -> None:
    settings = following.settings
    clock, metrics = WallClock(), Metrics()
    platform_keys = PlatformKeys(settings)
    try:
        asked = faults(os.environ)
        # Before there is a request that would wait for it.
        if es256.library() is None:
            _logger.info("AWS-LC is not there: OpenSSL checks and signs ES256, in more time")
        keys = SigningKeys(settings, clock)
        client = open_client(settings.store)
        admissions = Admissions(settings, client, metrics, lease=asked.lease or LEASE)
        fleet = build_fleet(settings, client, clock, metrics)
        discovery = build_discovery(settings, clock, fleet, platform_keys.landed)
        metrics.profiles = lambda: discovery.figures
        lanes = {
            each.id: build_lane(
                settings,
                each,
                discovery,
                admissions,
                keys.of(each),
                build_validation(each, metrics),
            )
            for each in settings.merchants
        }
    except (ValueError, KeyFileError) as error:
        raise StartError(str(error)) from error
    embedded = None
    if parse_target(settings.store.url.get_secret_value()).kind == "embedded":
        embedded = EmbeddedServer(settings.store.directory, memory=settings.store.max_memory)
    metrics.store = lambda: (*admissions.figures(), embedded.restarts if embedded else 0)
    metrics.observed = [name for name, lane in lanes.items() if lane.observe]
    log = DecisionLog(sys.stdout.fileno())
    metrics.dropped_lines = lambda: log.dropped
    ledger, made = open_ledger(settings)
    metrics.audit = lambda: ledger.log
    platform_keys.tell = ledger.administer
    gateway = Gateway(
        lanes,
        strangers=ProblemRenderer(),
        metrics=metrics,
        log=log,
        ledger=ledger,
        fault=asked.at,
    )
    fault = [] if asked == Faults() else [f"{SWITCH} is set: this process is made to fail"]
    warnings = [*warnings_of(following.configuration), *fault]

    def take(followed: Followed) -> None:
        for name, lane in lanes.items():
            lane.authenticator.follow(**followed.terms[name]._asdict())
            lane.admission.follow(followed.plans[name])
        ledger.follow(followed.digest, followed.changes)
        platform_keys.follow(followed.settings)
        if followed.changes:
            admissions.mcp.streams.interrupt()
        warnings[:] = [*followed.warnings, *fault]

    health = Health(
        warnings,
        problem=lambda: admissions.watch.policy or ledger.problem,
        passing=lambda: [each for each in (ledger.warning, following.warning) if each],
    )
    ingress = _ingress_config(settings, build_ingress(settings, gateway, clock))
    admin = _admin_config(settings, health, metrics, admissions, teller(log, ledger))
    reloads = asyncio.Event(), asyncio.Event()

    def hang_up() -> None:
        for each in reloads:
            each.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hang_up)
    background = [
        asyncio.create_task(keep_all_published(settings, lanes)),
        asyncio.create_task(keys.watch(reloads[0])),
        asyncio.create_task(following.watch(reloads[1], take)),
        asyncio.create_task(keep_writing_down(admissions.told(), admissions.watch, ledger)),
    ]

    def draining() -> None:
        health.draining()
        # Nobody waits for what ends only when somebody wants it to.
        admissions.mcp.streams.end()

    def started(address: str, admin_address: str) -> None:
        calm_collector()
        for path in keys.made:
            _logger.info("made the key file %s", path)
        if made is not None:
            _logger.info("made the keys of the audit log in %s", made)
        for warning in warnings:
            _logger.warning("%s", warning)
        health.serving()
        _logger.info("listening on %s, admin on %s", address, admin_address)

    try:
        if embedded is not None:
            try:
                await embedded.start()
            except EmbeddedStoreError as error:
                raise StartError(str(error)) from error
        await admissions.watch.start()
        await run_listeners(
            (ingress, listening),
            (admin, administration),
            started=started,
            draining=draining,
        )
    finally:
        for task in background:
            task.cancel()
        await discovery.aclose()
        # What is still on its way from a merchant has a claim to settle.
        await admissions.aclose()
        for lane in lanes.values():
            await lane.upstream.aclose()
        if not await ledger.aclose(_AUDIT_PATIENCE):
            _logger.error("the audit log did not end in order: %s", ledger.problem or "too slow")
        if embedded is not None:
            await embedded.aclose()
        log.close()


def _ingress_config(settings: Settings, ingress: Ingress) -> uvicorn.Config:
    slowest = max(
        each.upstream.connect_timeout + each.upstream.response_timeout
        for each in settings.merchants
    )
    tls = settings.listen.tls
    files: dict[str, object] = {}
    for path in (tls.certificate, tls.key, tls.client_ca):
        if path is not None and not os.access(path, os.R_OK):
            raise StartError(f"listen.tls: {path} cannot be read")
    if tls.certificate is not None:
        files = {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.key}
        if tls.client_ca is not None:
            files |= {"ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    config = uvicorn.Config(
        ingress,  # type: ignore[arg-type]  # IngressProtocol takes it in place of an application
        http=IngressProtocol,
        timeout_graceful_shutdown=int(slowest + _DRAIN_MARGIN),
        **uvicorn_options(date_header=False, **files),
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"listen.tls cannot be used: {error}") from error
    return config


def _admin_config(
    settings: Settings,
    health: Health,
    metrics: Metrics,
    admissions: Admissions,
    tell: Callable[[str], None],
) -> uvicorn.Config:
    path = settings.admin.token_file
    try:
        token = None if path is None else TokenFile(path)
    except TokenFileError as error:
        raise StartError(f"admin.token_file: {error}") from error
    application = admin_application(
        health,
        metrics,
        claims=admissions.desk(),
        token=token,
        loopback=is_loopback(settings.admin.host),
        tell=tell,
    )
    return uvicorn.Config(application, timeout_graceful_shutdown=1, **uvicorn_options())
