"""What Prometheus reads."""

from __future__ import annotations

from connector.telemetry.metrics import Metrics


def test_requests_are_counted_by_merchant_operation_decision_and_code() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.count("shop", "get_cart", "accept", "")
    metrics.count("shop", "", "reject", "signature_missing")
    text = metrics.exposition().decode()
    accepted = '{code="",decision="accept",merchant="shop",operation="get_cart"} 3.0'
    refused = '{code="signature_missing",decision="reject",merchant="shop",operation=""} 1.0'
    assert f"ucp_connector_requests_total{accepted}" in text
    assert f"ucp_connector_requests_total{refused}" in text


def test_step_durations_are_cumulative_buckets() -> None:
    metrics = Metrics()
    for seconds in (0.00005, 0.0001, 0.002, 100.0):
        metrics.observe("verify", seconds)
    text = metrics.exposition().decode()
    assert 'ucp_connector_step_seconds_bucket{le="0.0001",step="verify"} 2.0' in text
    assert 'ucp_connector_step_seconds_bucket{le="0.0025",step="verify"} 3.0' in text
    assert 'ucp_connector_step_seconds_bucket{le="30.0",step="verify"} 3.0' in text
    assert 'ucp_connector_step_seconds_bucket{le="+Inf",step="verify"} 4.0' in text
    assert 'ucp_connector_step_seconds_count{step="verify"} 4.0' in text


def test_requests_in_flight_and_lost_lines_are_shown() -> None:
    metrics = Metrics()
    metrics.in_flight = 7
    metrics.dropped_lines = lambda: 2
    text = metrics.exposition().decode()
    assert "ucp_connector_in_flight 7.0" in text
    assert "ucp_connector_dropped_decision_lines_total 2.0" in text


def test_bad_bodies_are_counted_by_merchant_operation_and_rule() -> None:
    metrics = Metrics()
    metrics.count_invalid("shop", "create_cart", "required")
    metrics.count_invalid("shop", "create_cart", "required")
    labels = '{merchant="shop",operation="create_cart",rule="required"}'
    text = metrics.exposition().decode()
    assert f"ucp_connector_invalid_bodies_total{labels} 2.0" in text
