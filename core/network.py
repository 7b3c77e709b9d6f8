"""Where a request comes from, when proxies stand in between."""


def client_address(peer: str, forwarded_for: str | None, trusted_proxies: int) -> str:
    """The client's IP address.

    With `trusted_proxies` = n the n-th address from the right of `X-Forwarded-For` counts: what stands further left
    was written by the client itself. With 0, or a header shorter than that, it is the peer of the connection.
    """
    if trusted_proxies < 1 or not forwarded_for:
        return peer
    hops = [hop.strip() for hop in forwarded_for.split(",")]
    return hops[-trusted_proxies] if len(hops) >= trusted_proxies else peer
