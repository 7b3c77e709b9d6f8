"""Whose address counts when proxies stand in between."""

import pytest

from core.network import client_address


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        (None, 0, "10.0.0.9"),
        ("1.1.1.1", 0, "10.0.0.9"),
        (None, 1, "10.0.0.9"),
        ("1.1.1.1", 1, "1.1.1.1"),
        ("9.9.9.9, 8.8.8.8, 1.1.1.1", 1, "1.1.1.1"),
        ("9.9.9.9, 1.1.1.1, 10.0.0.2", 2, "1.1.1.1"),
        ("1.1.1.1", 2, "10.0.0.9"),
    ],
)
def test_only_what_a_trusted_proxy_wrote_counts(forwarded: str | None, proxies: int, address: str) -> None:
    assert client_address("10.0.0.9", forwarded, proxies) == address
