"""`modelyard train`."""

import json
from typing import Annotated, Any, Literal

import typer

from modelyard.commands.following import finish, follow, watch_command
from modelyard.commands.session import Session
from modelyard.training.v1.training_pb2 import Evaluation


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
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Whether to follow the job to its end.")
    ] = True,
) -> None:
    """Train a model on a dataset; follow the job, print metrics and the new version."""
    job = session.client.train(
        model,
        dataset,
        target[0] if len(target) == 1 else target,
        task=task,
        trainer=trainer,
        settings=dict(_setting(it) for it in settings or ()),
        holdout_fraction=holdout,
        evaluation=Evaluation(
            split=_split(split), split_column=split_column, folds=folds, segment_column=segment
        ),
        seed=seed,
        weight_column=weight_column,
        class_weights=dict(_class_weight(it) for it in class_weights or ()),
        calibration=calibration,
    )
    session.note(f"{job.name} trains {model} on {job.dataset_version}")
    if wait:
        finish(session, follow(session, job))
    else:
        session.answer({"training_job": job, "model_version": None}, job.name)
        session.note(f"{watch_command(job)} follows it")


def _split(word: str | None) -> Evaluation.Split.ValueType:
    name = word.replace("-", "_").upper() if word else "UNSPECIFIED"
    return Evaluation.Split.Value(f"SPLIT_{name}")


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
