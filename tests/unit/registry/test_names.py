import pytest

from registry import names
from registry.errors import FieldInvalid


@pytest.mark.parametrize("good", ["a", "a1", "churn-2024", "a" * 63])
def test_good_ids(good: str) -> None:
    assert names.check_id(good, "model_id") == good


@pytest.mark.parametrize("bad", ["", "A", "1a", "a-", "a_b", "a" * 64, "a/b", "ä", "a\n", "a b"])
def test_bad_ids_name_their_field(bad: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        names.check_id(bad, "model_id")
    assert caught.value.field == "model_id"


def test_names_are_read_as_they_are_written() -> None:
    assert names.model_id_of(names.model_name("m"), "f") == "m"
    assert names.version_of(names.version_name("m", 3), "f") == ("m", "3")
    assert names.alias_of(names.alias_name("m", "a"), "f") == ("m", "a")
    assert names.artifact_of(names.artifact_name("m", 3, "x.onnx"), "f") == ("m", "3", "x.onnx")


def test_an_alias_may_stand_for_a_number_only_where_it_is_read() -> None:
    assert names.version_of("models/m/versions/champion", "f") == ("m", "champion")
    with pytest.raises(FieldInvalid, match="not an alias"):
        names.numbered_version_of("models/m/versions/champion", "f")


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "models",
        "models/",
        "models/m/versions",
        "models/m/versions/",
        "models/m/versions/01",
        "models/m/versions/0",
        "models/m/versions/-1",
        "models//versions/1",
        "Models/m/versions/1",
        "models/m/versions/1/x",
        "models/m/versions/9999999999999999999",
    ],
)
def test_bad_version_names(bad: str) -> None:
    with pytest.raises(FieldInvalid):
        names.version_of(bad, "name")


def test_an_alias_points_into_its_own_model() -> None:
    assert names.target_of("models/m/versions/2", "m") == 2
    with pytest.raises(FieldInvalid, match="can't point"):
        names.target_of("models/other/versions/2", "m")


def test_latest_is_reserved() -> None:
    with pytest.raises(FieldInvalid, match="reserved"):
        names.check_alias_id("latest", "model_alias_id")


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "-a", "a-", "a\0b", "x" * 129])
def test_bad_artifact_ids(bad: str) -> None:
    with pytest.raises(FieldInvalid):
        names.check_artifact_id(bad, "artifact_id")
