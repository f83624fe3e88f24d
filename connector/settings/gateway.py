"""Sections about the gateway as a whole: listeners, store, audit log, discovery, limits."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from connector.settings.base import Section
from connector.settings.fields import (
    ConfiguredPath,
    Count,
    Duration,
    Flag,
    Host,
    Instance,
    Kind,
    Port,
    Positive,
    RateSetting,
    SecretKey,
    Size,
    Thumbprint,
    Unique,
)
from connector.settings.units import parse_duration, parse_rate, parse_size
from connector.store.targets import parse_target

_MIN_DOCUMENT = 128 * 1024  # ucp-rules section 6


def _store_url(secret: SecretStr) -> SecretStr:
    parse_target(secret.get_secret_value())
    return secret


def _document_size(size: int) -> int:
    if size < _MIN_DOCUMENT:
        raise ValueError("is less than 128KiB, which every verifier must be able to read")
    return size


def _keyed_time(seconds: float) -> float:
    if seconds < parse_duration("24h"):
        raise ValueError("is less than 24h, which the protocol promises to platforms")
    return seconds


def _not_zero(seconds: float) -> float:
    if not seconds:
        raise ValueError("is zero")
    return seconds


Timeout = Annotated[Duration, AfterValidator(_not_zero)]


class ListenTls(Section):
    """TLS of the listener for platforms; without it an ingress or sidecar proxy does that."""

    certificate: ConfiguredPath | None = None
    """The certificate chain (PEM). Needs `key`."""
    key: ConfiguredPath | None = None
    """The private key (PEM). Needs `certificate`."""
    client_ca: ConfiguredPath | None = None
    """Certificate authorities (PEM) of which clients must present a certificate."""


class Listen(Section):
    """Where platforms connect."""

    host: Host = "127.0.0.1"
    """The address to listen on."""
    port: Port = 8080
    """The port; 0 takes any free one."""
    workers: Annotated[Positive, Field(le=256)] = 1
    """Processes that share the port; one worker is one process."""
    tls: ListenTls = ListenTls()


class Admin(Section):
    """The operator's listener: `/livez`, `/readyz`, `/metrics`, `/claims`."""

    host: Host = "127.0.0.1"
    """The address to listen on; keep it away from platforms."""
    port: Port = 9090
    """The port; 0 takes any free one."""
    token_file: ConfiguredPath | None = None
    """A file with the bearer token that is asked for everywhere but at `/livez` and `/readyz`;
    without it claims are served on a loopback address only."""


class Store(Section):
    """Where claims, nonces and rate counters are kept."""

    url: Annotated[SecretStr, AfterValidator(_store_url), Kind("store URL, secret")] = SecretStr(
        "embedded:"
    )
    """`embedded:` (a server started and watched by the gateway), `redis://host:port/db`,
    `rediss://`, `unix://`, `redis+sentinel://` or `redis+cluster://`. Several replicas need one
    store together."""
    directory: ConfiguredPath = Field(default=Path("./store"), validate_default=True)
    """Where the embedded store keeps its data."""
    max_memory: Size = parse_size("2GiB")
    """Of the embedded store; where it is full, writes are refused and nothing is forgotten."""
    discovered_limit: Size = parse_size("1GiB")
    """How much of the store discovered callers of one merchant may fill. Where they have, their
    answers are not kept, and their writes get 429; registered platforms notice nothing."""
    timeout: Timeout = parse_duration("250ms")
    """How long one call may take; after it the store counts as down."""
    idempotency_ttl: Annotated[Duration, AfterValidator(_keyed_time)] = parse_duration("48h")
    """How long an answer is kept for repetitions, from the answer on; at least 24h. A keyed write
    whose signature is older than this less one hour is refused."""
    tombstone_ttl: Duration = parse_duration("30d")
    """How long a write without a time in its signature is remembered after its answer is gone."""
    max_replayable_body: Size = parse_size("1MiB")
    """The largest answer that is buffered, kept and signed; larger ones are streamed."""
    encryption_keys: Annotated[tuple[SecretKey, ...], Unique] = ()
    """Keys that seal stored answers; the first one seals, all of them open."""
    wait_replicas: Annotated[Count, Field(le=100)] = 0
    """How many replicas of the store must have a claim before the request is sent."""
    wait_in_progress: Duration = 0.0
    """How long a repetition waits for the first request's answer before it is told to come back."""


class Audit(Section):
    """The log of every decision."""

    directory: ConfiguredPath = Field(default=Path("./audit"), validate_default=True)
    """Where the log is written."""
    keys: ConfiguredPath = Field(default=Path("./audit-keys"), validate_default=True)
    """Where checkpoint and redaction keys are kept; not inside `directory`."""
    instance: Instance | None = None
    """This replica's name in the log; by default the host's name."""
    durability: Literal["fsync", "os"] = "fsync"
    """`fsync`: a record is on disk before the request is sent; `os`: it may be lost with the
    machine."""
    timeout: Timeout = parse_duration("250ms")
    """How long a request waits for its record to be on disk; then it is refused with 503."""
    evidence_key: SecretKey | None = None
    """The key that seals signature bases; without it they are not kept."""
    reserve: Size = parse_size("64MiB")
    """What must be left on the disk before a request is sent: room to write down how those end that
    were."""
    discovered_daily: Size = parse_size("2GiB")
    """How much discovered callers of one merchant, and what is only observed, may fill in a day;
    beyond it they get 429."""


class Signing(Section):
    """The keys that sign in our name."""

    keys: ConfiguredPath = Field(default=Path("./keys.json"), validate_default=True)
    """A private JWK set with the times of each key, mode 0600. `serve` makes it where it is
    missing, `ucp-connector keys` changes it, and a gateway that runs follows within a second."""


class Discovery(Section):
    """Fetching platforms' profiles."""

    insecure_allow_loopback_profiles: Flag = False
    """Unsafe: takes plain HTTP and loopback addresses for profiles. For tests on one machine."""
    budget: RateSetting = parse_rate("10/s")
    """Fetches for profiles that never verified a request, over all of them."""
    max_document: Annotated[Size, AfterValidator(_document_size)] = parse_size("256KiB")
    """The largest profile that is read; at least 128KiB."""
    cache_entries: Positive = 10_000
    """Profiles kept in memory."""
    connect_timeout: Timeout = parse_duration("2s")
    """How long a connection to a profile's host may take, TLS included."""
    timeout: Timeout = parse_duration("5s")
    """How long a whole fetch may take."""
    fleet_key: SecretKey | None = None
    """With it, gateways at one store share the profiles that verified: a fleet fetches each once.
    It seals and names them, so all have the same (`openssl rand -base64 32`); after a change each
    fetches anew, once."""
    revoked: Annotated[tuple[Thumbprint, ...], Unique] = ()
    """Thumbprints (RFC 7638) of keys that never verify, whoever publishes them."""
    nested_keys: Flag = False
    """Also reads keys that a profile has under `ucp` instead of at its top."""


class Limits(Section):
    """What a request may cost before it is verified."""

    body: Size = parse_size("1MiB")
    """The largest request body; times `in_flight` it bounds the memory that bodies take."""
    headers: Positive = 100
    """The most header lines."""
    header_line: Size = parse_size("16KiB")
    """The longest header line."""
    header_bytes: Size = parse_size("32KiB")
    """The largest head of a request."""
    header_timeout: Timeout = parse_duration("10s")
    """How long a head may take to arrive."""
    body_timeout: Timeout = parse_duration("30s")
    """How long a body may take to arrive."""
    in_flight: Positive = 512
    """Requests worked on at once; more are answered `overloaded`."""


class Rates(Section):
    """How often a caller may come; a merchant or a tier may say otherwise."""

    reads: RateSetting = parse_rate("100/s")
    """Requests that change nothing, and repetitions of answered writes, for each caller."""
    writes: RateSetting = parse_rate("20/s")
    """Requests that change something, for each caller."""
    per_peer: RateSetting = parse_rate("200/s")
    """Requests from one address (IPv6: from one /64), verified or not."""
    concurrent: Positive | None = None
    """Requests of one caller at once, in each process; without it there is no such limit."""
    replicas: Positive = 1
    """Gateways that share a store. What callers share (`total`, `per_origin`), and reads while the
    store is down, is counted in each process, at the limit divided by this."""


class CallerRates(Section):
    """Rates that replace the general ones where they are set."""

    reads: RateSetting | None = None
    """Requests that change nothing, and repetitions of answered writes, for each caller."""
    writes: RateSetting | None = None
    """Requests that change something, for each caller."""
    concurrent: Positive | None = None
    """Requests of one caller at once, in each process."""
