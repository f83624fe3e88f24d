"""What operators are told of requests to the MCP endpoint."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from tests.end_to_end import audit_log
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.mcp_calls import PATH, call, rpc, signed
from tests.end_to_end.raw_server import answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform


def test_the_tool_is_the_operation_in_the_audit_log_the_metrics_and_the_decisions(
    merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    merchant.script[PATH] = answer(b'{"jsonrpc":"2.0","id":7,"result":{}}')
    key, secret = str(uuid.uuid4()), "notifications/somebody@example.com"
    completing = call("complete_checkout", {"idempotency-key": key}, id="chk_secret")
    requests = {
        "complete_checkout": signed(platform, completing),
        "tools/list": signed(platform, rpc("tools/list")),
        "notifications": signed(platform, b'{"jsonrpc":"2.0","method":"%b"}' % secret.encode()),
        "mcp/stream": platform.signed("GET", PATH),
        "mcp/end": platform.sign(platform.draft("DELETE", PATH).drop("Idempotency-Key")),
    }
    shop = merchant.settings(platforms={"registered": [platform.registration()]})
    told = {}
    with running_gateway(tmp_path, configuration(shop)) as gateway:
        for name, draft in requests.items():
            answered = gateway.ask(draft.wire())
            assert answered.status == 200
            gateway.expect_decision(answered, operation=name, decision="accept")
            told[name] = answered.value("Audit-ID")
        counted = gateway.counted("ucp_connector_requests", "operation")
        assert {name: counted[name] for name in requests} == dict.fromkeys(requests, 1)
        lines = gateway.stdout
    received = {
        each["audit_id"]: each["request"]
        for each in audit_log.whole(tmp_path)
        if each["type"] == "received"
    }
    for name, audit_id in told.items():
        found = received[audit_id]
        kind = "write" if name == "complete_checkout" else "read"
        assert (found["operation"], found["kind"], found["path"]) == (name, kind, PATH)
        assert ("idempotency_key" in found) is (kind == "write")
    everything = json.dumps([received, lines])
    for word in (key, "chk_secret", "somebody"):
        assert word not in everything
