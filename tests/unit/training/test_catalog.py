import subprocess
import sys
from typing import Any

import pytest

from registry.errors import FieldInvalid
from registry.signature import Task
from training.catalog import TRAINERS, check_settings, choose_trainer, get_trainer
from training.trainers import FAMILIES


def test_every_trainer_has_its_family_and_a_schema() -> None:
    assert set(TRAINERS) == set(FAMILIES)
    for trainer in TRAINERS.values():
        schema = trainer.settings.model_json_schema()
        assert schema["additionalProperties"] is False
        assert all("default" in prop for prop in schema["properties"].values())
        assert all("description" in prop for prop in schema["properties"].values())


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
        "sys.exit(bool({'polars', 'sklearn', 'onnx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
