"""Servers on one database: all follow it, and none needs it to answer predictions."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sqlalchemy import URL

from modelyard import Client
from modelyard.registry.v1 import registry_pb2
from modelyard.registry.v1.registry_pb2_grpc import RegistryServiceStub
from registry.aliases import Move, move_alias
from registry.transactions import begin
from server.database import make_engine, make_sessions, upgrade_database
from server.embedded_postgres import EmbeddedPostgres, PostgresSettings
from tests.e2e.test_deployment import multiplying
from tests.support.asker import Asker, open_plain
from tests.support.server_process import ServerProcess, wait_for

ONES = np.ones((1, 3), dtype=np.float32)
WHILE_AWAY = 500
FACTORS = {"1": 1.0, "2": 2.0}
NEVER = "600000"
"""So seldom is the registry polled here: what is seen, was announced."""


def settings_for(url: URL) -> dict[str, str]:
    return {
        "DATABASE_URL": url.render_as_string(hide_password=False),
        "REFRESH_SECONDS": NEVER,
    }


def is_answered_by(client: Client, number: str) -> Callable[[], bool]:
    def ask() -> bool:
        answer = client.predict("m", ONES)
        assert answer.outputs["y"][0, 0] == float(answer.model_version)
        return answer.model_version == number

    return ask


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A Postgres that only this test uses, and may stop."""
    with EmbeddedPostgres(PostgresSettings(tmp_path / "postgres", durable=False)) as postgres:
        postgres.ensure_database("modelyard")
        upgrade_database(postgres.url("modelyard"))
        yield postgres


def test_predictions_go_on_without_the_database_and_all_is_caught_up_with_it(
    own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    url = own_postgres.url("modelyard")
    with (
        ServerProcess(tmp_path / "home", settings_for(url), ("--no-worker",)) as server,
        server.connect() as client,
        open_plain(server.address) as plain,
    ):
        for factor in (1.0, 2.0):
            client.push("m", multiplying(factor))
        wait_for(is_answered_by(client, "1"))
        asker = Asker(server.address, "m", FACTORS)
        with asker.asking():
            asker.wait_for_answers(1)
            own_postgres.stop()
            check_registry_is_away(plain)
            health = health_pb2_grpc.HealthStub(plain)
            for service in ("", "inference.GRPCInferenceService"):
                status = health.Check(health_pb2.HealthCheckRequest(service=service)).status
                assert status == health_pb2.HealthCheckResponse.SERVING
            asker.wait_for_answers(WHILE_AWAY)
            own_postgres.start()
            asyncio.run(promote_behind_its_back(url))
            wait_for(is_answered_by(client, "2"))
            wait_for(lambda: client.get_model("m").name)
            client.promote("m", "1")
            wait_for(is_answered_by(client, "1"))
        assert asker.failures == []
        assert set(asker.versions) == {"1", "2"}


def check_registry_is_away(plain: grpc.Channel) -> None:
    """The registry must say that it is away, and when to ask again."""
    request = registry_pb2.GetModelRequest(name="models/m")
    with pytest.raises(grpc.RpcError) as caught:
        RegistryServiceStub(plain).GetModel(request, timeout=30)
    error: Any = caught.value
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    trailers = dict(error.trailing_metadata())
    assert int(trailers["grpc-retry-pushback-ms"]) > 0
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    (advice,) = [detail for detail in status.details if detail.Is(RETRY_INFO.DESCRIPTOR)]
    retry = RETRY_INFO()
    assert advice.Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() > 0


RETRY_INFO: Any = error_details_pb2.RetryInfo


async def promote_behind_its_back(url: URL) -> None:
    """Move the alias as another server would."""
    engine = make_engine(url, connections=2)
    async with begin(make_sessions(engine)) as session:
        await move_alias(session, Move("m", "champion", 2))
    await engine.dispose()


def test_every_server_follows_what_one_of_them_was_told(database_url: URL, tmp_path: Path) -> None:
    settings = settings_for(database_url)
    with (
        ServerProcess(tmp_path / "home", settings, ("--no-worker",)) as first,
        ServerProcess(tmp_path / "home", settings, ("--no-worker",)) as second,
        first.connect() as told,
        second.connect() as other,
    ):
        for factor in (1.0, 2.0):
            told.push("m", multiplying(factor))
        wait_for(is_answered_by(other, "1"))
        askers = [Asker(it.address, "m", FACTORS) for it in (first, second)]
        with askers[0].asking(), askers[1].asking():
            for number in ("2", "1", "2", "1", "2"):
                told.promote("m", number)
                wait_for(is_answered_by(other, number))
                wait_for(is_answered_by(told, number))
        for asker in askers:
            assert asker.failures == []
            assert set(asker.versions) == {"1", "2"}
