"""`modelyard datasets`."""

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from modelyard.commands.bars import bytes_bar
from modelyard.commands.dataset_panels import dataset_panel, datasets_table, preview_table
from modelyard.commands.session import Session
from modelyard.datasets import FileFormat, TypeName
from modelyard.training.v1.datasets_pb2 import CsvOptions, DatasetVersion

Name: TypeAlias = Annotated[str, typer.Argument(help="The dataset.")]
NewName: TypeAlias = Annotated[str, typer.Argument(help="The dataset; made if needed.")]
Version: TypeAlias = Annotated[str, typer.Argument(help="A number; the latest when not given.")]
Format: TypeAlias = Annotated[
    str, typer.Option("--format", help="csv, parquet or arrow; told from the file when not given.")
]
CsvWords: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--csv",
        metavar="NAME=VALUE",
        help="How a CSV is written: delimiter, quote, escape, encoding, no_header=true, decimal,"
        " thousands, missing_word (again and again). What is not given is told from the file.",
    ),
]
TypeWords: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="COLUMN=TYPE",
        help="What a column holds: boolean, integer, float, text or time.",
    ),
]

_FORMATS: dict[str, FileFormat | None] = {
    "": None,
    "csv": "csv",
    "parquet": "parquet",
    "arrow": "arrow",
}
_TYPES: dict[str, TypeName] = {
    "boolean": "boolean",
    "integer": "integer",
    "float": "float",
    "text": "text",
    "time": "time",
}
_CSV_TEXTS = {"delimiter", "quote", "escape", "encoding", "decimal", "thousands"}
_TRUTHS = {"true": True, "false": False}


def upload(
    session: Session,
    name: NewName,
    file: Annotated[
        Path, typer.Argument(help="A CSV, Parquet or Arrow file.", exists=True, dir_okay=False)
    ],
    file_format: Format = "",
    csv: CsvWords = None,
    column_type: TypeWords = None,
) -> None:
    """Upload a table as the next version of a dataset; print its schema and profile."""
    options = _options(session, file_format, csv, column_type)
    with bytes_bar(session, file.name) as progress:
        table = session.client.upload_dataset(name, file, progress=progress, **options)
    _answer(session, table)


def import_table(
    session: Session,
    name: NewName,
    uri: Annotated[str, typer.Argument(help="file:///..., s3://... or gs://...")],
    file_format: Format = "",
    csv: CsvWords = None,
    column_type: TypeWords = None,
) -> None:
    """Have the server fetch a table, from where its operator allows it."""
    options = _options(session, file_format, csv, column_type)
    _answer(session, session.client.import_dataset(name, uri, **options))


def list_datasets(session: Session) -> None:
    """List the datasets."""
    datasets = session.client.list_datasets()
    nothing = "no datasets yet; `modelyard datasets upload NAME FILE` makes one"
    session.answer(datasets, datasets_table(datasets) if datasets else nothing)


def show_dataset(session: Session, name: Name, version: Version = "latest") -> None:
    """Show a version of a dataset: schema, profile and warnings."""
    table = session.client.get_dataset_version(f"{name}/versions/{version}")
    session.answer(table, dataset_panel(table))


def preview_dataset(
    session: Session,
    name: Name,
    version: Version = "latest",
    rows: Annotated[int, typer.Option(min=1, max=100, help="How many rows at most.")] = 20,
) -> None:
    """Show the first rows of a version of a dataset."""
    preview = session.client.preview_dataset(f"{name}/versions/{version}", rows)
    session.answer(preview, preview_table(preview))


def update_dataset(
    session: Session,
    name: Name,
    display_name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    description: Annotated[str | None, typer.Option(help="What the rows are.")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A label; all that are there make way."),
    ] = None,
) -> None:
    """Change what is said of a dataset."""
    labels = None if label is None else dict(_pairs(session, "--label", label))
    dataset = session.client.update_dataset(
        name, display_name=display_name, description=description, labels=labels
    )
    session.answer(dataset, datasets_table([dataset]))


def delete_dataset(
    session: Session,
    name: Name,
    version: Annotated[
        str, typer.Argument(help="The number of one version; the dataset when not given.")
    ] = "",
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Delete the versions with the dataset.")
    ] = False,
) -> None:
    """Delete a dataset, or one version of it; models that were trained on it stay."""
    if version:
        session.client.delete_dataset_version(f"{name}/versions/{version}")
    else:
        session.client.delete_dataset(name, force=force)
    what = f"{name}/versions/{version}" if version else name
    session.answer({"deleted": what}, f"{what} is deleted")


def _answer(session: Session, table: DatasetVersion) -> None:
    session.answer(table, dataset_panel(table))
    if table.state == DatasetVersion.STATE_FAILED:
        session.fail(f"{table.name} was refused: {table.faults[0].message}")


def _options(
    session: Session, file_format: str, csv: list[str] | None, types: list[str] | None
) -> dict[str, Any]:
    """Turn the words of a command into the arguments of an operation."""
    if file_format not in _FORMATS:
        session.fail(f"--format is csv, parquet or arrow, not {file_format!r}")
    pairs = _pairs(session, "--type", types or [])
    for column, kind in pairs:
        if kind not in _TYPES:
            session.fail(f"--type {column}: {kind!r} is none of {', '.join(_TYPES)}")
    return {
        "file_format": _FORMATS[file_format],
        "csv_options": _csv_options(session, csv) if csv else None,
        "column_types": {column: _TYPES[kind] for column, kind in pairs},
    }


def _csv_options(session: Session, words: list[str]) -> CsvOptions:
    options = CsvOptions()
    for name, value in _pairs(session, "--csv", words):
        text = value.replace("\\t", "\t")
        if name in _CSV_TEXTS:
            setattr(options, name, text)
        elif name == "missing_word":
            options.missing_words.append(text)
        elif name == "no_header" and value in _TRUTHS:
            options.no_header = _TRUTHS[value]
        else:
            known = ", ".join(sorted({*_CSV_TEXTS, "missing_word"}))
            session.fail(f"--csv takes {known} and no_header=true, not {name}={value}")
    return options


def _pairs(session: Session, option: str, words: list[str]) -> list[tuple[str, str]]:
    for word in words:
        if "=" not in word:
            session.fail(f"{option} takes NAME=VALUE, not {word!r}")
    # A column's name may hold the sign itself; a type and an option's value do not.
    split = str.rpartition if option == "--type" else str.partition
    return [(found[0], found[2]) for found in (split(word, "=") for word in words)]
