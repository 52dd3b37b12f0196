import json

import grpc
import pytest

from modelyard import AsyncClient, Client
from modelyard.channel import channel_options
from modelyard.targets import is_loopback, is_one_server, make_target


@pytest.mark.parametrize(
    ("addresses", "target"),
    [
        ("servers:8001", "servers:8001"),
        (["servers:8001"], "servers:8001"),
        (["10.0.0.1:8001", "10.0.0.2:8002"], "ipv4:10.0.0.1:8001,10.0.0.2:8002"),
        (("[::1]:1", "[fe80::1]:2"), "ipv6:[::1]:1,[fe80::1]:2"),
    ],
)
def test_addresses_become_one_target(addresses: str | list[str], target: str) -> None:
    assert make_target(addresses) == target


@pytest.mark.parametrize(
    "addresses", [[], ["10.0.0.1:1", "[::1]:1"], ["a:1", "b:1"], ["10.0.0.1:1", "b:1"]]
)
def test_addresses_that_are_no_target_are_refused(addresses: list[str]) -> None:
    with pytest.raises(ValueError, match="several addresses must all be IPv4:PORT"):
        Client(addresses)


@pytest.mark.parametrize(
    ("target", "one", "near"),
    [
        ("127.0.0.1:8001", True, True),
        ("localhost:8001", True, True),
        ("localhost", True, True),
        ("[::1]:8001", True, True),
        ("::1", True, True),
        ("unix:/run/socket", True, True),
        ("unix-abstract:name", True, True),
        ("dns:///localhost:8001", True, True),
        ("ipv4:127.0.0.1:1", True, True),
        ("ipv4:127.0.0.1:1,127.0.0.2:1", False, True),
        ("ipv4:127.0.0.1:1,10.0.0.1:1", False, False),
        ("ipv6:[::1]:1,[fe80::1]:1", False, False),
        ("10.0.0.1:8001", True, False),
        ("servers:8001", False, False),
        ("dns:///servers:8001", False, False),
        ("dns://10.0.0.1/servers:8001", False, False),
        ("localhost.evil.example:8001", False, False),
        ("127.0.0.1.evil.example:8001", False, False),
    ],
)
def test_targets_are_known_for_what_they_are(target: str, one: bool, near: bool) -> None:  # noqa: FBT001  columns of a table
    assert (is_one_server(target), is_loopback(target)) == (one, near)


def test_several_servers_are_asked_in_turn_if_they_are_well() -> None:
    config = json.loads(str(dict(channel_options(one_server=False))["grpc.service_config"]))
    assert config["loadBalancingConfig"] == [{"round_robin": {}}]
    assert config["healthCheckConfig"] == {"serviceName": ""}
    alone = json.loads(str(dict(channel_options())["grpc.service_config"]))
    assert not {"loadBalancingConfig", "healthCheckConfig"} & alone.keys()


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_deadline_lies_ahead(seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds is none"):
        Client(timeout_seconds=seconds)


def test_a_token_goes_over_tls_or_to_this_machine() -> None:
    with pytest.raises(ValueError, match=r"a token needs TLS on its way to 10\.0\.0\.1:8001"):
        Client("10.0.0.1:8001", token="secret")
    with pytest.raises(ValueError, match="brings its own token"):
        Client(token="secret", channel=grpc.insecure_channel("127.0.0.1:1"))


async def test_so_it_does_from_a_loop() -> None:
    with pytest.raises(ValueError, match="a token needs TLS on its way to servers:8001"):
        AsyncClient("servers:8001", token="secret")
