"""Listeners: what is said when one cannot be had."""

from __future__ import annotations

import socket

import pytest

from connector.server.process import StartError, bind


def test_a_port_in_use_is_named_with_its_purpose() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=rf"127\.0\.0\.1:{port} \(admin\): Address already"):
            bind("127.0.0.1", port, "admin")


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(StartError, match=r"cannot listen on 192\.0\.2\.1:1 \(listen\)"):
        bind("192.0.2.1", 1, "listen")


def test_port_0_takes_a_free_one() -> None:
    with bind("127.0.0.1", 0, "listen") as listening:
        assert listening.getsockname()[1] > 0
