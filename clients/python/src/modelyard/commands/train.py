"""`modelyard train`."""

import json
from datetime import timedelta
from typing import Annotated, Any, Literal

import typer

from modelyard.commands.features import read_feature, read_selection
from modelyard.commands.findings import show_findings
from modelyard.commands.following import finish, follow, watch_command
from modelyard.commands.session import Session
from modelyard.commands.spaces import Method, read_search
from modelyard.job_options import training_job
from modelyard.training.v1.training_pb2 import Evaluation, OnSuccess, PromotionGate


def train(  # noqa: PLR0913  a command has as many parameters as options
    session: Session,
    model: Annotated[str, typer.Argument(help="The model that gets the version.")],
    *,
    dataset: Annotated[str, typer.Option(help="The dataset, or DATASET/versions/NUMBER.")],
    target: Annotated[
        list[str], typer.Option(help="The column to predict; repeatable for several.")
    ],
    task: Annotated[
        Literal["classification", "regression", "multilabel_classification"] | None,
        typer.Option(help="What to do; told from the target when not given."),
    ] = None,
    trainer: Annotated[str, typer.Option(help="The trainer; chosen when not given.")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the trainer; repeatable."),
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--feature",
            metavar="COLUMN|JSON",
            help="A column to learn from; every usable one when not given. JSON says how it goes "
            """in, such as {"column": "age", "numeric": {"bins": 4}}; repeatable.""",
        ),
    ] = None,
    select: Annotated[
        str,
        typer.Option(
            metavar="METHOD:NUMBER",
            help="Which columns that the features become are kept: importance:20, univariate:20 "
            "or variance:0.01.",
        ),
    ] = "",
    holdout: Annotated[
        float, typer.Option(help="The part of the rows kept for evaluation; 0 is 0.2.")
    ] = 0.0,
    split: Annotated[
        Literal["random", "stratified", "grouped", "time-ordered"] | None,
        typer.Option(help="How rows are divided; stratified for classes when not given."),
    ] = None,
    split_column: Annotated[
        str, typer.Option(help="The column of groups or times, for these splits.")
    ] = "",
    folds: Annotated[
        int, typer.Option(help="In how many folds to evaluate besides, 2 to 20; 0 is in none.")
    ] = 0,
    segment: Annotated[
        str, typer.Option(help="The column by whose values figures are told apart.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Seeds everything random.")] = 0,
    weight_column: Annotated[
        str, typer.Option(help="The column that says how much each row counts.")
    ] = "",
    class_weights: Annotated[
        list[str] | None,
        typer.Option(
            "--class-weight", metavar="CLASS=WEIGHT", help="How much a class counts; repeatable."
        ),
    ] = None,
    calibration: Annotated[
        Literal["sigmoid", "isotonic"] | None,
        typer.Option(help="How probabilities are calibrated; not at all when not given."),
    ] = None,
    queue: Annotated[str, typer.Option(help="The queue; `default` when not given.")] = "",
    priority: Annotated[int, typer.Option(help="The larger ones begin first.")] = 0,
    memory_mb: Annotated[int, typer.Option(help="MiB that the fit may use.")] = 0,
    seconds: Annotated[float, typer.Option(help="How long the fit may take.")] = 0.0,
    alias: Annotated[str, typer.Option(help="Point this alias to the version.")] = "",
    promote_if: Annotated[
        str,
        typer.Option(
            metavar="METRIC[:MINIMUM]",
            help="Make the version the champion if it is better by that metric; `default` takes "
            "the task's.",
        ),
    ] = "",
    search: Annotated[
        Method | None, typer.Option(help="Search for settings; random when only --space is given.")
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=DOMAIN",
            help="A setting to search: LOW..HIGH, LOW..HIGH:log or VALUE,VALUE; repeatable.",
        ),
    ] = None,
    trials: Annotated[int, typer.Option(help="Trials at most; 0 is 20.")] = 0,
    search_seconds: Annotated[float, typer.Option(help="Begin no trial after that.")] = 0.0,
    search_metric: Annotated[str, typer.Option(help="What is to be best.")] = "",
    search_folds: Annotated[
        int, typer.Option(help="Folds of the training rows; 0 holds a part out.")
    ] = 0,
    executor: Annotated[
        Literal["local", "ray"],
        typer.Option(help="Where trials run: beside the worker, or on the server's Ray cluster."),
    ] = "local",
    check: Annotated[
        bool, typer.Option("--check", help="Say what would fail, and train nothing.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Whether to follow the job to its end.")
    ] = True,
) -> None:
    """Train a model on a dataset; follow the job, print metrics and the new version."""
    wanted = training_job(
        model,
        dataset,
        target[0] if len(target) == 1 else target,
        task=task,
        trainer=trainer,
        settings=dict(_setting(it) for it in settings or ()),
        features=[read_feature(it) for it in features or ()],
        feature_selection=read_selection(select),
        holdout_fraction=holdout,
        evaluation=Evaluation(
            split=_split(split), split_column=split_column, folds=folds, segment_column=segment
        ),
        seed=seed,
        weight_column=weight_column,
        class_weights=dict(_class_weight(it) for it in class_weights or ()),
        calibration=calibration,
        queue=queue,
        priority=priority,
        memory_mb=memory_mb,
        time=timedelta(seconds=seconds),
        on_success=_on_success(alias, promote_if),
        search=read_search(
            search, space or [], trials, search_seconds, search_metric, search_folds
        ),
        executor=executor,
    )
    if check:
        show_findings(session, session.client.validate_training_job(wanted))
        return
    job = session.client.create_training_job(wanted)
    session.note(f"{job.name} trains {model} on {job.dataset_version}")
    if wait:
        finish(session, follow(session, job))
    else:
        session.answer({"training_job": job, "model_version": None}, job.name)
        session.note(f"{watch_command(job)} follows it")


def _split(word: str | None) -> Evaluation.Split.ValueType:
    name = word.replace("-", "_").upper() if word else "UNSPECIFIED"
    return Evaluation.Split.Value(f"SPLIT_{name}")


def _on_success(alias: str, promote_if: str) -> OnSuccess | None:
    if alias and promote_if:
        raise typer.BadParameter("either --alias or --promote-if", param_hint="--promote-if")
    if not promote_if:
        return OnSuccess(alias=alias) if alias else None
    metric, _, minimum = promote_if.partition(":")
    try:
        gate = PromotionGate(
            metric="" if metric == "default" else metric, min_improvement=float(minimum or 0)
        )
    except ValueError:
        raise typer.BadParameter(
            f"'{promote_if}' is not METRIC or METRIC:MINIMUM", param_hint="--promote-if"
        ) from None
    return OnSuccess(promote=gate)


def _setting(text: str) -> tuple[str, Any]:
    """Read KEY=VALUE; a value that is no JSON is text."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise typer.BadParameter(f"'{text}' is not KEY=VALUE", param_hint="--set")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _class_weight(text: str) -> tuple[str, float]:
    """Read CLASS=WEIGHT; the class may have an equals sign in it."""
    label, _, weight = text.rpartition("=")
    try:
        return label, float(weight)
    except ValueError:
        raise typer.BadParameter(
            f"'{text}' is not CLASS=WEIGHT", param_hint="--class-weight"
        ) from None
