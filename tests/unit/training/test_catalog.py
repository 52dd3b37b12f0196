import subprocess
import sys
from typing import Any

import pytest

from registry.errors import FieldInvalid
from registry.signature import Task
from training.catalog import (
    TRAINERS,
    check_settings,
    choose_trainer,
    find_trainer,
    get_trainer,
    list_trainers,
    trainers,
)
from training.errors import TrainerNotInstalled


@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_trainer_publishes_the_schema_of_its_settings(trainer: str) -> None:
    schema = TRAINERS[trainer].settings.model_json_schema()
    assert schema["additionalProperties"] is False
    assert all("default" in prop for prop in schema["properties"].values())
    assert all("description" in prop for prop in schema["properties"].values())
    defaults = {name: prop["default"] for name, prop in schema["properties"].items()}
    assert check_settings(trainer, defaults) == check_settings(trainer, {})
    with pytest.raises(FieldInvalid, match="'no_such'"):
        check_settings(trainer, {"no_such": 1})


def _beyond(bounds: dict[str, Any]) -> list[Any]:
    """Make values just out of what a property of a JSON Schema allows."""
    if "enum" in bounds:
        return ["no such", 1]
    if bounds["type"] == "array":
        inside = bounds["items"]["minimum"]
        too_many = [inside] * (bounds["maxItems"] + 1)
        return [[], too_many, *([value] for value in _beyond(bounds["items"]))]
    low: float = bounds["minimum"] if "minimum" in bounds else bounds["exclusiveMinimum"]
    step: float = 1 if bounds["type"] == "integer" else 1e-9
    under = low if "exclusiveMinimum" in bounds else low - step
    return [under, bounds["maximum"] * (1 + 1e-9) + step, "text"]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_setting_is_bounded(trainer: str) -> None:
    for name, bounds in TRAINERS[trainer].settings.model_json_schema()["properties"].items():
        for value in _beyond(bounds):
            with pytest.raises(FieldInvalid) as caught:
                check_settings(trainer, {name: value})
            assert caught.value.field
            assert caught.value.field.startswith(f"training_job.settings.{name}")


def test_a_trainer_whose_package_is_missing_is_neither_listed_nor_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert {"lightgbm", "xgboost"} <= {trainer.id for trainer in list_trainers()}
    monkeypatch.setattr(trainers, "find_spec", lambda _: None)
    assert not {"lightgbm", "xgboost"} & {trainer.id for trainer in list_trainers()}
    assert not find_trainer("xgboost").is_installed
    for ask in (get_trainer, lambda name: check_settings(name, {})):
        with pytest.raises(TrainerNotInstalled, match=r"modelyard-server\[boost\]") as caught:
            ask("xgboost")
        assert caught.value.details == {"trainer": "xgboost", "package": "xgboost"}
    with pytest.raises(FieldInvalid) as refused:
        choose_trainer("linear-regression", Task.CLASSIFICATION)
    assert "lightgbm" not in refused.value.message


def test_the_first_trainer_of_a_task_is_its_default() -> None:
    assert choose_trainer("", Task.CLASSIFICATION).id == "logistic-regression"
    assert choose_trainer("", Task.REGRESSION).id == "linear-regression"
    assert choose_trainer("random-forest", Task.REGRESSION).id == "random-forest"


def test_a_trainer_refuses_other_tasks() -> None:
    with pytest.raises(FieldInvalid, match=r"random-forest, .* can$") as caught:
        choose_trainer("linear-regression", Task.CLASSIFICATION)
    assert caught.value.field == "training_job.trainer"


def test_unknown_trainers_are_refused() -> None:
    with pytest.raises(FieldInvalid, match="logistic-regression") as caught:
        get_trainer("magic")
    assert caught.value.field == "training_job.trainer"


def test_settings_get_defaults_and_take_json_numbers() -> None:
    # Numbers of a google.protobuf.Struct are all doubles.
    settings = check_settings("random-forest", {"trees": 50.0})
    assert settings.model_dump() == {
        "trees": 50,
        "max_depth": 16,
        "min_samples_leaf": 1,
        "class_weight": "none",
    }


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"trees": 0}, "trees"),
        ({"trees": "many"}, "trees"),
        ({"tress": 5}, "tress"),
        ({"class_weight": "odd"}, "class_weight"),
        ({"trees": 1.5}, "trees"),
    ],
)
def test_illegal_settings_name_their_field(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(FieldInvalid, match=name) as caught:
        check_settings("random-forest", settings)
    assert caught.value.field == f"training_job.settings.{name}"


def test_a_server_needs_no_table_library() -> None:
    """What a server asks of training starts without polars and scikit-learn."""
    code = (
        "import sys, training.catalog, training.columns, training.fitting, training.roles;"
        "sys.exit(bool({'polars', 'sklearn', 'onnx', 'lightgbm', 'xgboost'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
