"""Where the server is: one address, or several that share the calls."""

import ipaddress
from collections.abc import Sequence
from typing import TypeAlias

Addresses: TypeAlias = str | Sequence[str]
"""`HOST:PORT`, a target as gRPC knows them, or several `IP:PORT`."""

_SOCKETS = ("unix:", "unix-abstract:")
_IP_SCHEMES = {4: "ipv4", 6: "ipv6"}


def make_target(addresses: Addresses) -> str:
    """Return what gRPC dials.

    >>> make_target(["10.0.0.1:8001", "10.0.0.2:8001"])
    'ipv4:10.0.0.1:8001,10.0.0.2:8001'

    Raises:
        ValueError: There is no address, or several that are not all IP addresses of one
            family.
    """
    if isinstance(addresses, str):
        return addresses
    if len(addresses) == 1:
        return addresses[0]
    families = {_ip_version(_host(it)) for it in addresses}
    if len(families) != 1 or None in families:
        raise ValueError(
            "several addresses must all be IPv4:PORT, or all [IPv6]:PORT; servers behind one "
            f"name are one address, such as dns:///servers:8001; these are {list(addresses)}"
        )
    return f"{_IP_SCHEMES[families.pop() or 0]}:{','.join(addresses)}"


def is_one_server(target: str) -> bool:
    """Tell whether a target can't be more than one server: a name may stand for several."""
    hosts = _hosts(target)
    return len(hosts) == 1 and (_ip_version(hosts[0]) is not None or is_loopback(target))


def is_loopback(target: str) -> bool:
    """Tell whether a call can't leave this machine on its way."""
    return all(_is_loopback(host) for host in _hosts(target))


def _is_loopback(host: str) -> bool:
    if host.startswith(_SOCKETS) or host == "localhost":
        return True
    return _ip_version(host) is not None and ipaddress.ip_address(host).is_loopback


def _hosts(target: str) -> list[str]:
    """Return the hosts of a target; a Unix socket counts as one."""
    if target.startswith(_SOCKETS):
        return [target]
    bare = target.removeprefix("ipv4:").removeprefix("ipv6:").removeprefix("dns:")
    # dns://AUTHORITY/HOST:PORT names the name server first.
    if bare.startswith("//"):
        bare = bare.removeprefix("//").partition("/")[2]
    return [_host(address) for address in bare.split(",")]


def _host(address: str) -> str:
    """Return the host of HOST:PORT or [HOST]:PORT; a port may be lacking."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]


def _ip_version(host: str) -> int | None:
    """Return 4, 6, or None for a name."""
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return None
