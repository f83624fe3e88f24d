"""How a request is framed: its length, its connection, its size."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.recipes import AGENT, GET, HOST, POST, Case, Topic, append

_LENGTH: Final = "RFC 9112 section 6.2"
_FRAMING: Final = "RFC 9112 section 6.1"
_CONNECTION: Final = "RFC 9110 section 7.6.1, Connection"
_UPGRADE: Final = "RFC 9110 section 7.8"


def _malformed(case: Case, reason: str) -> Case:
    return case._replace(code="malformed_request", reason=reason)


def _added(id_: str, description: str, rule: str, name: str, value: str, reason: str) -> Case:
    return _malformed(Case(id_, description, rule, POST, edits=(append(name, value),)), reason)


_LONGEST: Final = append("X-Long", "x" * (16384 - len("X-Long: ")))


def _length(id_: str, description: str, value: str) -> Case:
    return _added(f"length-{id_}", description, _LENGTH, "Content-Length", value, "content_length")


TOPIC: Final = Topic(
    "Framing: what two readers of one connection could read differently, and limits",
    (
        Case("framing-read", "A read without content.", _FRAMING, GET),
        Case("framing-write", "A write; its length is added when it is sent.", _FRAMING, POST),
        _length("plus", "A length with a plus sign.", f"+{len(POST.body)}"),
        _length("zero", "A length with a zero before it.", f"0{len(POST.body)}"),
        _length("list", "A length twice in one line.", f"{len(POST.body)}, {len(POST.body)}"),
        _length("hexadecimal", "A length in hexadecimal.", f"0x{len(POST.body):x}"),
        _length("negative", "A negative length.", "-1"),
        _length("empty", "An empty length.", ""),
        _added(
            "framing-coded",
            "Another coding before chunked.",
            _FRAMING,
            "Transfer-Encoding",
            "gzip, chunked",
            "transfer_encoding",
        ),
        _added(
            "framing-identity",
            "A coding that was taken out of HTTP.",
            _FRAMING,
            "Transfer-Encoding",
            "identity",
            "transfer_encoding",
        ),
        _malformed(
            Case(
                "framing-both",
                "A length beside chunks: two readers would find two bodies.",
                _FRAMING,
                POST.replaced("Content-Length", str(len(POST.body))),
                edits=(append("Transfer-Encoding", "chunked"),),
            ),
            "two_lengths",
        ),
        Case(
            "connection-close",
            "The connection is to be closed.",
            _CONNECTION,
            GET,
            edits=(append("Connection", "close"),),
        ),
        Case(
            "connection-keep-alive",
            "The connection is to stay, in capitals.",
            _CONNECTION,
            GET,
            edits=(append("Connection", "Keep-Alive"),),
        ),
        _malformed(
            Case(
                "connection-names-signature",
                "Connection asks the next hop to drop the signature.",
                _CONNECTION,
                GET,
                edits=(append("Connection", "signature"),),
            ),
            "connection",
        ),
        Case(
            "upgrade-without-connection",
            "Upgrade without Connection asks for nothing.",
            _UPGRADE,
            POST.replaced("Upgrade", "websocket"),
        ),
        _malformed(
            Case(
                "upgrade-with-content",
                "A request with content asks for another protocol.",
                _UPGRADE,
                POST.replaced("Upgrade", "websocket"),
                edits=(append("Connection", "upgrade"),),
            ),
            "upgrade",
        ),
        _added(
            "expectation-other",
            "An expectation that there is not.",
            "RFC 9110 section 10.1.1",
            "Expect",
            "200-ok",
            "expect",
        ),
        Case(
            "header-line-at-limit",
            "A header line of 16 KiB.",
            "RFC 9110 section 5.4",
            GET,
            edits=(_LONGEST,),
        ),
        Case(
            "header-line-over-limit",
            "A header line of 16 KiB and an octet.",
            "RFC 9110 section 5.4",
            GET,
            "headers_too_large",
            "header_line",
            (append("X-Long", "x" * (16385 - len("X-Long: "))),),
        ),
        Case(
            "header-bytes-over-limit",
            "Header lines of more than 32 KiB together.",
            "RFC 9110 section 5.4",
            GET,
            "headers_too_large",
            "header_bytes",
            (_LONGEST, append("X-Even", "x" * (16384 - len("X-Even: ")))),
        ),
        Case(
            "headers-at-limit",
            "100 header lines.",
            "RFC 9110 section 5.4",
            GET,
            edits=tuple(append(f"X-{n}", "1") for n in range(100 - len((HOST, AGENT)) - 2)),
        ),
        Case(
            "headers-over-limit",
            "101 header lines.",
            "RFC 9110 section 5.4",
            GET,
            "headers_too_large",
            "headers",
            tuple(append(f"X-{n}", "1") for n in range(101 - len((HOST, AGENT)) - 2)),
        ),
        Case(
            "payload-announced",
            "Content-Length is that of the body.",
            "RFC 9110 section 8.6",
            POST.replaced("Content-Length", str(len(POST.body))),
        ),
        Case(
            "payload-over-limit",
            "An octet more than 1 MiB is announced; it need not be sent to be refused.",
            "RFC 9110 section 15.5.14",
            POST.replaced("Content-Length", str((1 << 20) + 1)),
            "payload_too_large",
            "body",
        ),
    ),
)
