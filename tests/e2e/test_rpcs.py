"""RPCs that the clients do not need every day, through the generated stubs."""

import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from modelyard.registry.v1 import registry_pb2 as registry
from modelyard.registry.v1 import registry_pb2_grpc as registry_stubs
from modelyard.registry.v1 import resources_pb2 as resources
from modelyard.training.v1 import datasets_pb2 as tables
from modelyard.training.v1 import datasets_pb2_grpc as tables_stubs
from modelyard.training.v1 import training_pb2 as training
from modelyard.training.v1 import training_pb2_grpc as training_stubs
from tests.support.server_process import ServerProcess
from tests.support.statuses import reason_of

PENGUINS = "models/penguins"
FIRST = f"{PENGUINS}/versions/1"
CODE = grpc.StatusCode


class Stubs:
    """Every stub on one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.registry = registry_stubs.RegistryServiceStub(channel)
        self.datasets = tables_stubs.DatasetServiceStub(channel)
        self.training = training_stubs.TrainingServiceStub(channel)


@pytest.fixture
def stubs(server: ServerProcess) -> Iterator[Stubs]:
    with grpc.insecure_channel(server.address) as channel:
        yield Stubs(channel)


def code_of(call: Any, request: Any) -> grpc.StatusCode:
    """Make a call that must fail, and return its status."""
    with pytest.raises(grpc.RpcError) as caught:
        call(request)
    code: grpc.StatusCode = caught.value.code()
    return code


def test_lists_come_in_pages(stubs: Stubs) -> None:
    for number in range(3):
        model_id = f"page-{number}"
        stubs.registry.CreateModel(registry.CreateModelRequest(model_id=model_id))
    seen: list[str] = []
    token = ""
    while token or not seen:
        page = stubs.registry.ListModels(registry.ListModelsRequest(page_size=2, page_token=token))
        seen += [model.name for model in page.models]
        token = page.next_page_token
    assert seen == sorted(set(seen))
    assert {"models/page-0", "models/page-1", "models/page-2", PENGUINS} <= set(seen)
    wrong = registry.ListModelsRequest(page_token="x")
    assert code_of(stubs.registry.ListModels, wrong) == CODE.INVALID_ARGUMENT


def test_aliases_are_made_moved_and_listed(stubs: Stubs) -> None:
    made = stubs.registry.CreateModelAlias(
        registry.CreateModelAliasRequest(
            parent=PENGUINS,
            model_alias_id="canary",
            model_alias=resources.ModelAlias(model_version=FIRST),
            request_id=str(uuid.uuid4()),
        )
    )
    got = stubs.registry.GetModelAlias(registry.GetModelAliasRequest(name=made.name))
    assert got == made
    listed = stubs.registry.ListModelAliases(registry.ListModelAliasesRequest(parent=PENGUINS))
    assert {alias.name for alias in listed.model_aliases} >= {made.name}
    stale = resources.ModelAlias(name=made.name, model_version=FIRST, etag='"0-0"')
    request = registry.UpdateModelAliasRequest(model_alias=stale)
    assert code_of(stubs.registry.UpdateModelAlias, request) == CODE.ABORTED
    request.model_alias.etag = made.etag
    request.update_mask.CopyFrom(FieldMask(paths=["create_time"]))
    assert code_of(stubs.registry.UpdateModelAlias, request) == CODE.INVALID_ARGUMENT
    request.ClearField("update_mask")
    assert stubs.registry.UpdateModelAlias(request).model_version == FIRST


def test_versions_are_made_step_by_step_and_list_themselves(stubs: Stubs) -> None:
    draft = resources.ModelVersion(
        description="by hand",
        labels={"team": "birds"},
        task=resources.TASK_REGRESSION,
        metrics=[
            resources.Metric(name="r2", value=0.5),
            resources.Metric(
                name="recall",
                value=0.5,
                lower=0.25,
                upper=0.75,
                split="holdout",
                class_name="a",
                baseline=0,
            ),
        ],
        parity_report=resources.ParityReport(
            passed=True, checks=[resources.ParityCheck(rows="holdout", passed=True)]
        ),
        lineage=resources.Lineage(libraries={"elsewhere": "1.0"}),
    )
    stubs.registry.CreateModel(registry.CreateModelRequest(model_id="steps"))
    request = registry.CreateModelVersionRequest(
        parent="models/steps", model_version=draft, request_id=str(uuid.uuid4())
    )
    made = stubs.registry.CreateModelVersion(request)
    assert stubs.registry.CreateModelVersion(request) == made
    assert made.state == resources.ModelVersion.STATE_CREATING
    for field in ("description", "labels", "task", "metrics", "parity_report", "lineage"):
        assert getattr(made, field) == getattr(draft, field)
    finalize = registry.FinalizeModelVersionRequest(name=made.name)
    assert code_of(stubs.registry.FinalizeModelVersion, finalize) == CODE.FAILED_PRECONDITION
    draft.task = 99  # type: ignore[assignment] # a value that the contract lacks
    bad = registry.CreateModelVersionRequest(parent="models/steps", model_version=draft)
    assert code_of(stubs.registry.CreateModelVersion, bad) == CODE.INVALID_ARGUMENT
    page = stubs.registry.ListModelVersions(
        registry.ListModelVersionsRequest(parent="models/steps", page_size=1)
    )
    assert [version.name for version in page.model_versions] == [made.name]
    assert page.next_page_token == ""


@pytest.mark.parametrize(
    "draft",
    [
        resources.ModelVersion(classes=["a\0"]),
        resources.ModelVersion(parameters={"k": "a\0"}),
        resources.ModelVersion(metrics=[resources.Metric(name="r2", value=float("nan"))]),
        resources.ModelVersion(metrics=[resources.Metric(name="r2", upper=float("inf"))]),
        resources.ModelVersion(lineage=resources.Lineage(training_job="a\0")),
        resources.ModelVersion(classes=["x" * 2_000_000]),
    ],
)
def test_what_can_not_be_kept_is_refused(stubs: Stubs, draft: resources.ModelVersion) -> None:
    request = registry.CreateModelVersionRequest(parent=PENGUINS, model_version=draft)
    assert code_of(stubs.registry.CreateModelVersion, request) == CODE.INVALID_ARGUMENT


def test_settings_must_be_finite(stubs: Stubs) -> None:
    job = training.TrainingJob(
        model="models/m", dataset_version="datasets/penguins/versions/1", target="species"
    )
    job.trainer = "random-forest"
    job.settings.update({"trees": float("inf")})
    request = training.CreateTrainingJobRequest(training_job=job)
    assert code_of(stubs.training.CreateTrainingJob, request) == CODE.INVALID_ARGUMENT


def test_checking_only_stores_nothing(stubs: Stubs) -> None:
    dataset = tables.CreateDatasetRequest(dataset_id="checked", validate_only=True)
    assert stubs.datasets.CreateDataset(dataset).name == "datasets/checked"
    get = tables.GetDatasetRequest(name="datasets/checked")
    assert code_of(stubs.datasets.GetDataset, get) == CODE.NOT_FOUND
    job = training.CreateTrainingJobRequest(
        training_job_id="checked",
        validate_only=True,
        training_job=training.TrainingJob(
            model="models/unmade",
            dataset_version="datasets/penguins/versions/latest",
            target="species",
        ),
    )
    answer = stubs.training.CreateTrainingJob(job)
    assert answer.dataset_version == "datasets/penguins/versions/1"
    get_job = training.GetTrainingJobRequest(name="trainingJobs/checked")
    assert code_of(stubs.training.GetTrainingJob, get_job) == CODE.NOT_FOUND


def test_datasets_and_their_versions_are_listed(stubs: Stubs) -> None:
    found = stubs.datasets.ListDatasets(tables.ListDatasetsRequest())
    assert "datasets/penguins" in {dataset.name for dataset in found.datasets}
    versions = stubs.datasets.ListDatasetVersions(
        tables.ListDatasetVersionsRequest(parent="datasets/penguins")
    )
    newest = versions.dataset_versions[0]
    same = stubs.datasets.GetDatasetVersion(tables.GetDatasetVersionRequest(name=newest.name))
    assert (same.row_count, len(same.columns)) == (344, 8)
    # A list tells what there is; the profile is asked for by name.
    del same.columns[:], same.warnings[:]
    assert same == newest
    wrong = tables.GetDatasetVersionRequest(name="datasets/penguins/versions/champion")
    assert code_of(stubs.datasets.GetDatasetVersion, wrong) == CODE.INVALID_ARGUMENT


def test_a_dataset_is_previewed_changed_and_deleted(stubs: Stubs) -> None:
    name = "datasets/short"
    stubs.datasets.CreateDataset(tables.CreateDatasetRequest(dataset_id="short"))
    header = tables.UploadDatasetRequest.Header(
        parent=name, csv_options=tables.CsvOptions(no_header=True)
    )
    pieces = [
        tables.UploadDatasetRequest(header=header),
        tables.UploadDatasetRequest(chunk="größe;1\n".encode("utf-16")),
    ]
    table = stubs.datasets.UploadDataset(iter(pieces))
    assert (table.csv_options.delimiter, table.csv_options.encoding) == (";", "utf-16")
    asked = tables.PreviewDatasetVersionRequest(name=table.name)
    (row,) = stubs.datasets.PreviewDatasetVersion(asked).rows
    assert (row.cells[0].text_value, row.cells[1].integer_value) == ("größe", 1)
    change = tables.UpdateDatasetRequest(dataset=tables.Dataset(name=name, description="words"))
    assert stubs.datasets.UpdateDataset(change).description == "words"
    fetch = tables.ImportDatasetRequest(parent=name, uri="file:///etc/passwd")
    assert code_of(stubs.datasets.ImportDataset, fetch) == CODE.PERMISSION_DENIED
    delete = tables.DeleteDatasetRequest(name=name)
    assert code_of(stubs.datasets.DeleteDataset, delete) == CODE.FAILED_PRECONDITION
    stubs.datasets.DeleteDatasetVersion(tables.DeleteDatasetVersionRequest(name=table.name))
    stubs.datasets.DeleteDataset(delete)
    assert code_of(stubs.datasets.GetDataset, tables.GetDatasetRequest(name=name)) == CODE.NOT_FOUND


def test_what_can_be_trained_is_listed_with_its_settings(stubs: Stubs) -> None:
    trainers = stubs.training.ListTrainers(training.ListTrainersRequest()).trainers
    assert {"logistic-regression", "random-forest"} <= {trainer.id for trainer in trainers}
    for trainer in trainers:
        assert trainer.tasks
        assert trainer.installed
        assert "properties" in trainer.settings_schema
        one = stubs.training.GetTrainer(training.GetTrainerRequest(name=trainer.name))
        assert one == trainer
    neighbors = next(trainer for trainer in trainers if trainer.id == "k-nearest-neighbors")
    assert neighbors.name == "trainers/k-nearest-neighbors"
    assert neighbors.max_rows == 20_000
    missing = training.GetTrainerRequest(name="trainers/magic")
    assert code_of(stubs.training.GetTrainer, missing) == CODE.NOT_FOUND
    wrong = training.GetTrainerRequest(name="magic")
    assert code_of(stubs.training.GetTrainer, wrong) == CODE.INVALID_ARGUMENT


def test_a_watch_is_taken_up_where_it_broke(stubs: Stubs) -> None:
    jobs = stubs.training.ListTrainingJobs(training.ListTrainingJobsRequest(page_size=1000))
    done = next(job for job in jobs.training_jobs if job.model == PENGUINS)
    watch = training.WatchTrainingJobRequest(name=done.name)
    events = list(stubs.training.WatchTrainingJob(watch))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert events[-1].state == training.TrainingJob.STATE_SUCCEEDED
    watch.after_sequence = events[2].sequence
    assert list(stubs.training.WatchTrainingJob(watch)) == events[3:]
    watch.after_sequence = -1
    with pytest.raises(grpc.RpcError):
        list(stubs.training.WatchTrainingJob(watch))
    none = training.WatchTrainingJobRequest(name="trainingJobs/none")
    with pytest.raises(grpc.RpcError) as caught:
        list(stubs.training.WatchTrainingJob(none))
    assert caught.value.code() == CODE.NOT_FOUND


def test_features_of_a_job_are_kept_as_they_were_asked_for(stubs: Stubs) -> None:
    wanted = training.TrainingJob(
        model="models/features",
        dataset_version="datasets/penguins/versions/1",
        target="body_mass_g",
        features=[
            training.Feature(column="island", role=resources.TensorSpec.ROLE_CATEGORICAL),
            training.Feature(column="year", numeric=training.NumericSteps(missing_indicator=True)),
        ],
        feature_selection=training.FeatureSelection(method="importance", max_columns=3),
        trainer="random-forest",
    )
    wanted.settings.update({"trees": 10})
    request = training.CreateTrainingJobRequest(training_job=wanted)
    job = stubs.training.CreateTrainingJob(request)
    assert (job.features, job.settings) == (wanted.features, wanted.settings)
    assert job.feature_selection == wanted.feature_selection
    wanted.features[1].numeric.impute = "knn"
    request = training.CreateTrainingJobRequest(training_job=wanted)
    with pytest.raises(grpc.RpcError) as caught:
        stubs.training.CreateTrainingJob(request)
    assert reason_of(caught.value) == "STEP_NOT_EXPORTABLE"
    wanted.features[0].role = 99  # type: ignore[assignment] # a value that the contract lacks
    request = training.CreateTrainingJobRequest(training_job=wanted)
    assert code_of(stubs.training.CreateTrainingJob, request) == CODE.INVALID_ARGUMENT
    events = list(stubs.training.WatchTrainingJob(training.WatchTrainingJobRequest(name=job.name)))
    assert events[-1].state == training.TrainingJob.STATE_SUCCEEDED, events[-1].message
    cancel = training.CancelTrainingJobRequest(name=job.name)
    assert code_of(stubs.training.CancelTrainingJob, cancel) == CODE.FAILED_PRECONDITION
