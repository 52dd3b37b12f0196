import pytest

from registry.errors import AliasNotFound, FieldInvalid, ModelNotFound, VersionNotFound
from serving.errors import ModelNotServable
from serving.snapshot import ServableModel, Snapshot, resolve
from tests.unit.serving.graphs import adder, version_of

VERSIONS = {n: version_of(adder(n), n) for n in (1, 2, 10)}
SNAPSHOT = Snapshot(
    {
        "m": ServableModel(VERSIONS, {"champion": 2, "next": 10, "gone": 7}),
        "unpromoted": ServableModel(VERSIONS, {}),
    }
)


@pytest.mark.parametrize(
    ("text", "number"), [("", 2), ("champion", 2), ("next", 10), ("1", 1), ("010", 10)]
)
def test_the_text_names_a_version(text: str, number: int) -> None:
    assert resolve(SNAPSHOT, "m", text) == VERSIONS[number]


@pytest.mark.parametrize(
    ("model_id", "text", "error"),
    [
        ("nobody", "", ModelNotFound),
        ("", "1", ModelNotFound),
        ("m", "3", VersionNotFound),
        ("m", "0", VersionNotFound),
        ("m", "9" * 5000, VersionNotFound),
        ("m", "latest", AliasNotFound),
        ("m", "gone", ModelNotServable),
        ("unpromoted", "", ModelNotServable),
        ("unpromoted", "champion", ModelNotServable),
        ("unpromoted", "next", AliasNotFound),
    ],
)
def test_what_is_not_there(model_id: str, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        resolve(SNAPSHOT, model_id, text)


@pytest.mark.parametrize("text", ["1.5", "-1", "Champion", "a_b", "²", "٣", " ", "v1\n", "a" * 64])
def test_malformed_text_names_the_field(text: str) -> None:
    with pytest.raises(FieldInvalid, match="champion") as caught:
        resolve(SNAPSHOT, "m", text)
    assert caught.value.field == "model_version"


def test_a_model_without_champion_says_what_to_do() -> None:
    with pytest.raises(ModelNotServable, match="promote"):
        resolve(SNAPSHOT, "unpromoted", "")


def test_aliased_versions_are_the_active_ones_that_an_alias_names() -> None:
    aliased = SNAPSHOT.models["m"].aliased_versions()
    assert sorted(version.number for version in aliased) == [2, 10]
    assert str(aliased[0]).endswith("of model 'm'")
