import grpc
import pytest

from modelyard import AsyncClient, Model, ModelAlias, ModelVersion, ModelyardError
from modelyard.registry.v1.registry_pb2 import CreateModelAliasRequest, UpdateModelAliasRequest
from tests.unit.client.yard import Context, Yard, failing


@pytest.fixture
def yard() -> Yard:
    yard = Yard()
    for number in (1, 2, 3):
        name = f"models/penguins/versions/{number}"
        yard.versions[name] = ModelVersion(name=name)
    yard.models["models/penguins"] = Model(name="models/penguins")
    champion = ModelAlias(
        name="models/penguins/aliases/champion",
        model_version="models/penguins/versions/1",
        etag="seen",
    )
    yard.aliases[champion.name] = champion
    return yard


async def test_models_versions_and_aliases_can_be_found(client: AsyncClient) -> None:
    model = await client.get_model("penguins")
    assert await client.list_models() == [model]
    assert await client.get_model(model) == await client.get_model("models/penguins")
    assert len(await client.list_model_versions(model)) == 3
    assert len(await client.list_model_versions("penguins", limit=1)) == 1
    assert (await client.get_model_version("penguins")).name == "models/penguins/versions/1"
    assert (await client.get_model_version("penguins", 2)).name == "models/penguins/versions/2"
    assert await client.list_model_aliases("penguins") == [await client.get_model_alias(model)]


async def test_a_model_can_be_made_once(client: AsyncClient) -> None:
    made = await client.create_model("seals", display_name="Seals", labels={"team": "sea"})
    assert (made.name, made.display_name, made.labels["team"]) == ("models/seals", "Seals", "sea")
    with pytest.raises(ModelyardError, match="models/seals is taken"):
        await client.create_model("seals")


@pytest.mark.parametrize("version", [3, "3", ModelVersion(name="models/penguins/versions/3")])
async def test_promote_moves_what_it_saw(
    client: AsyncClient, yard: Yard, version: int | str | ModelVersion
) -> None:
    moved = await client.promote("penguins", version)

    assert moved.model_version == "models/penguins/versions/3"
    (request,) = yard.asked(UpdateModelAliasRequest)
    assert request.model_alias.etag == "seen"
    assert not request.allow_missing
    assert request.request_id


async def test_promote_resolves_an_alias_to_its_number(client: AsyncClient) -> None:
    moved = await client.promote("penguins", "champion", alias="fallback")
    assert moved.name == "models/penguins/aliases/fallback"
    assert moved.model_version == "models/penguins/versions/1"


async def test_promote_loses_against_a_move_in_between(client: AsyncClient, yard: Yard) -> None:
    def move(_: Context) -> None:
        yard.aliases["models/penguins/aliases/champion"].etag = "other"

    yard.before["UpdateModelAlias"] = [move]
    with pytest.raises(ModelyardError, match="the alias was moved") as caught:
        await client.promote("penguins", 2)
    assert caught.value.code is grpc.StatusCode.ABORTED
    assert caught.value.reason == "ETAG_MISMATCH"


async def test_promote_loses_against_a_making_in_between(client: AsyncClient, yard: Yard) -> None:
    def make(_: Context) -> None:
        name = "models/penguins/aliases/canary"
        yard.aliases[name] = ModelAlias(name=name, model_version="models/penguins/versions/2")

    yard.before["CreateModelAlias"] = [make]
    with pytest.raises(ModelyardError) as caught:
        await client.promote("penguins", 3, "canary")
    assert caught.value.code is grpc.StatusCode.ALREADY_EXISTS
    assert len(yard.asked(CreateModelAliasRequest)) == 1


async def test_promote_stops_when_the_alias_can_not_be_read(
    client: AsyncClient, yard: Yard
) -> None:
    yard.before["GetModelAlias"] = [failing(grpc.StatusCode.PERMISSION_DENIED)]
    with pytest.raises(ModelyardError, match="as planned"):
        await client.promote("penguins", 2)
    assert not yard.calls["CreateModelAlias"]


async def test_batching_is_set_and_taken_back(client: AsyncClient) -> None:
    model = await client.set_batching("penguins", 32, max_delay_seconds=0.0025)
    assert model.batching.max_rows == 32
    assert model.batching.max_delay.ToMicroseconds() == 2500
    assert not (await client.set_batching(model, 0)).HasField("batching")


async def test_the_proto_of_a_model(client: AsyncClient) -> None:
    assert (await client.get_model_proto("penguins")).proto == "// schema 0\n"
    assert (await client.get_model_proto("penguins", 2)).proto == "// schema 2\n"
    with pytest.raises(ModelyardError):
        await client.get_model_proto("none")
