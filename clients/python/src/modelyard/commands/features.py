"""The features of a job, as `modelyard train` takes them."""

import json

import typer
from google.protobuf.json_format import ParseDict, ParseError

from modelyard.training.v1.training_pb2 import Feature, FeatureSelection

_HINT = "--feature"


def read_feature(text: str) -> Feature:
    """Read a column's name, or a `Feature` in JSON.

    Raises:
        BadParameter: The JSON is none, or has what a feature has not.
    """
    if not text.startswith("{"):
        return Feature(column=text)
    try:
        return ParseDict(json.loads(text), Feature())
    except (ValueError, ParseError) as error:
        raise typer.BadParameter(f"'{text}' is no feature: {error}", param_hint=_HINT) from None


def read_selection(text: str) -> FeatureSelection | None:
    """Read METHOD, or METHOD:NUMBER, where the number is how many columns or what variance.

    Raises:
        BadParameter: What should be a number is none.
    """
    if not text:
        return None
    method, _, number = text.partition(":")
    try:
        if method == "variance":
            return FeatureSelection(method=method, min_variance=float(number or 0))
        return FeatureSelection(method=method, max_columns=int(number or 0))
    except ValueError:
        raise typer.BadParameter(
            f"'{text}' is not METHOD:NUMBER, such as importance:20", param_hint="--select"
        ) from None
