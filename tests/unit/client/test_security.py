"""Encrypted connections, certificates of callers, and tokens."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import trustme

from modelyard import AsyncClient, Client, Tls
from modelyard.security import Token
from tests.unit.client.server import serving
from tests.unit.client.yard import Yard

AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("127.0.0.1")
ELSEWHERE = AUTHORITY.issue_cert("models.example")
CALLER = AUTHORITY.issue_cert("caller@models.example")
ROOTS = AUTHORITY.cert_pem.bytes()


def pair(certificate: trustme.LeafCert) -> tuple[bytes, bytes]:
    chain = b"".join(it.bytes() for it in certificate.cert_chain_pems)
    return certificate.private_key_pem.bytes(), chain


def server_credentials(
    certificate: trustme.LeafCert, *, asks: bool = False
) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials([pair(certificate)], ROOTS if asks else None, asks)


@pytest.fixture
def encrypted(yard: Yard) -> Iterator[str]:
    with serving(yard, server_credentials(CERTIFICATE)) as target:
        yield target


@pytest.fixture
def mutual(yard: Yard) -> Iterator[str]:
    with serving(yard, server_credentials(CERTIFICATE, asks=True)) as target:
        yield target


async def is_reached(target: str, tls: Tls | None) -> bool:
    """Ask with both clients, unless the first one fails, which takes its time."""
    async with AsyncClient(target, tls=tls) as client:
        if not await client.ready():
            return False
    with Client(target, tls=tls) as blocking:
        return await asyncio.to_thread(blocking.ready)


async def test_an_authority_may_be_named(encrypted: str, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(ROOTS)
    assert await is_reached(encrypted, Tls(roots=file))
    assert await is_reached(encrypted, Tls(roots=ROOTS))


async def test_the_system_is_trusted(
    encrypted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(ROOTS)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert await is_reached(encrypted, Tls())


async def test_strangers_are_not_trusted(encrypted: str) -> None:
    assert not await is_reached(encrypted, Tls())
    assert not await is_reached(encrypted, Tls(roots=trustme.CA().cert_pem.bytes()))


async def test_the_blocking_client_trusts_no_strangers_either(encrypted: str) -> None:
    with Client(encrypted, tls=Tls()) as client:
        assert not await asyncio.to_thread(client.ready)


async def test_plain_text_and_tls_do_not_mix(encrypted: str, target: str) -> None:
    assert not await is_reached(encrypted, None)
    assert not await is_reached(target, Tls(roots=ROOTS))


async def test_the_name_in_the_certificate_counts(yard: Yard) -> None:
    with serving(yard, server_credentials(ELSEWHERE)) as target:
        assert not await is_reached(target, Tls(roots=ROOTS))
        assert await is_reached(target, Tls(roots=ROOTS, server_name="models.example"))


async def test_several_servers_have_one_name(yard: Yard) -> None:
    credentials = server_credentials(ELSEWHERE)
    tls = Tls(roots=ROOTS, server_name="models.example")
    with serving(yard, credentials) as one, serving(yard, credentials) as other:
        async with AsyncClient([one, other], tls=tls) as client:
            assert await client.ready()


async def test_a_caller_may_have_a_certificate(mutual: str, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    for file, content in zip((key, certificate), pair(CALLER), strict=True):
        file.write_bytes(content)
    assert await is_reached(mutual, Tls(roots=ROOTS, certificate=certificate, key=key))
    assert not await is_reached(mutual, Tls(roots=ROOTS))


def test_certificate_and_key_belong_together() -> None:
    with pytest.raises(ValueError, match="a certificate and its key"):
        Tls(certificate=b"...")
    assert "secret" not in repr(Tls(certificate=b"...", key=b"secret"))


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(FileNotFoundError):
        Client(tls=Tls(roots="not-there.pem"))


async def token_later() -> str:
    await asyncio.sleep(0)
    return "third"


@pytest.mark.parametrize(
    ("token", "sent"),
    [("first", "first"), (lambda: "second", "second"), (token_later, "third")],
    ids=["a token", "what gives it", "what gives it later"],
)
async def test_every_kind_of_call_has_the_token(
    yard: Yard, encrypted: str, token: Token, sent: str
) -> None:
    seen: list[str] = []

    def note(context: grpc.ServicerContext) -> None:
        seen.append(str(dict(context.invocation_metadata())["authorization"]))

    for method in ("ListModels", "UploadDataset", "WatchTrainingJob"):
        yard.before[method] = [note]
    async with AsyncClient(encrypted, tls=Tls(roots=ROOTS), token=token) as client:
        await client.list_models()
        await client.upload_dataset("d", b"a\n1\n")
        assert [event async for event in client.watch_training_job("j")] == []
    assert seen == [f"Bearer {sent}"] * 3


def test_a_token_is_asked_for_at_each_call(yard: Yard, target: str) -> None:
    seen: list[str] = []
    yard.before["ListModels"] = [
        lambda context: seen.append(dict(context.invocation_metadata())["authorization"])
    ] * 2
    tokens = iter(["first", "second"])
    with Client(target, token=lambda: next(tokens)) as client:
        client.list_models()
        client.list_models()
    assert seen == ["Bearer first", "Bearer second"]


def test_a_token_that_can_not_be_had_is_no_call(yard: Yard, target: str) -> None:
    def fail() -> str:
        raise PermissionError("log in first")

    with Client(target, token=fail) as client, pytest.raises(PermissionError, match="log in"):
        client.list_models()
    assert not yard.calls["ListModels"]
