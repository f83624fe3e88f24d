"""Words that mean something to the parsers: what a mutation puts in beside random octets."""

from __future__ import annotations

from typing import Final

TOKENS: Final = (
    # RFC 9651
    b'"', b'\\"', b"?1", b"?0", b"@1", b"@-0", b'%"', b"%c3%a9", b":AA==:", b"()", b"( )", b", ",
    b",\t", b";a", b";a=", b"; a", b"*a", b"a.b", b"-0", b"0.0", b"0.001", b"999999999999999",
    b"999999999999.999", b"-999999999999999",
    # RFC 9421
    b'"@method"', b'"@authority"', b'"@path"', b'"@query"', b'"@status"', b'"@target-uri"',
    b'"@scheme"', b'"@request-target"', b'"@query-param";name="x"', b'"@signature-params"',
    b'"content-digest"', b'"content-type"', b'"ucp-agent"', b'"signature-agent"', b'"signature"',
    b";sf", b";bs", b";tr", b";req", b';key="sig1"', b';name="x"', b"sig1=", b"sig2=",
    b";created=", b";expires=", b';keyid="', b';nonce="', b';tag="web-bot-auth"',
    b';alg="ecdsa-p256-sha256"', b';alg="ed25519"', b"Signature-Input: ", b"Signature: ",
    b"Content-Digest: ", b"Host: ", b"\r\n ", b"\r\n", b"?", b"#", b"://", b":443", b"%2F", b"%41",
    # RFC 9530
    b"sha-256=:", b"sha-512=:", b"md5=:", b"sha-256",
    b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
    # Talos and AP2
    b"Talos-Signature-Meta: ", b"iat=", b', jti="550e8400-e29b-41d4-a716-446655440000"',
    b'"typ":"JOSE"', b"Request-Signature: ", b"/cancel", b"&a=", b"%FF", b"+", b'"ap2":',
    b'"merchant_authorization":',
    # JSON
    b"{", b"}", b"[", b"]", b'":', b"null", b"true", b"false", b"NaN", b"Infinity", b"1e400",
    b"1e-400", b"9007199254740993", b"9007199254740992", b"-0.0", b"1E+2", b"\\ud83d\\ude00",
    b"\\ud800", b"\\u0000", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xef\xac\xb3",
    # JOSE
    b"..", b"eyJhbGciOiJFUzI1NiJ9", b'"kty":"EC"', b'"kty":"OKP"', b'"kty":"oct"', b'"kty":"RSA"',
    b'"crv":"P-256"', b'"crv":"P-384"', b'"crv":"Ed25519"', b'"x":', b'"y":', b'"d":', b'"kid":',
    b'"use":"enc"', b'"use":"sig"', b'"key_ops":["verify"]', b'"alg":"ES256"', b'"keys":',
    b'"b64":false', b'"crit":["b64"]',
)  # fmt: skip


def as_dictionary() -> str:
    """Return the tokens as a dictionary file of libFuzzer."""
    lines = []
    for token in TOKENS:
        escaped = "".join(
            chr(octet) if 0x20 <= octet <= 0x7E and octet not in b'"\\' else f"\\x{octet:02X}"
            for octet in token
        )
        lines.append(f'"{escaped}"\n')
    return "".join(lines)
