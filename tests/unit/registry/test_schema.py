from dataclasses import replace

import pytest

from registry.golden_rows import GoldenRows, GoldenTensor
from registry.schema import ModelSchema, Shape, find_own_collision, read_shape
from registry.schema_changes import ChangeKind, SchemaChange, choose_schema, compare
from registry.schema_examples import make_example, write_example_line
from registry.schema_names import file_of, make_field_name, service_of
from registry.signature import Signature, TensorSpec

LABEL = TensorSpec("label", "BYTES", (-1,))
PROBABILITIES = TensorSpec("probabilities", "FP32", (-1, 3))
CLASSES = ("a", "b", "c")


def column(name: str, datatype: str = "FP32", *tail: int) -> TensorSpec:
    return TensorSpec(name, datatype, (-1, *(tail or (1,))))


def shape_of(*inputs: TensorSpec, outputs: tuple[TensorSpec, ...] = (LABEL,)) -> Shape:
    shape = read_shape(Signature(inputs, outputs), CLASSES)
    assert shape
    return shape


def register(shapes: list[Shape]) -> list[ModelSchema]:
    """Register versions in turn; return the schema of each as it was then."""
    schemas: dict[int, ModelSchema] = {}
    chosen = []
    for shape in shapes:
        schema = choose_schema("m", [*schemas.values()], shape)
        assert schema
        schemas[schema.major] = schema
        chosen.append(schema)
    return chosen


def numbers(schema: ModelSchema) -> dict[str, int]:
    return {field.name: field.number for field in schema.inputs}


def breaking(before: Shape, now: Shape) -> list[SchemaChange]:
    schema = choose_schema("m", [], before)
    assert schema
    return [change for change in compare([schema], schema, now) if change.breaks]


def test_versions_that_fit_stay_in_one_schema_which_only_grows() -> None:
    first, fewer, more = register(
        [
            shape_of(column("a"), column("n", "INT64")),
            shape_of(column("a")),
            shape_of(column("a"), column("b", "BYTES"), column("n", "INT64")),
        ]
    )
    assert [first.major, fewer.major, more.major] == [1, 1, 1]
    assert numbers(first) == numbers(fewer) == {"a": 1, "n": 2}
    assert numbers(more) == {"a": 1, "n": 2, "b": 3}


@pytest.mark.parametrize(
    ("inputs", "kind"),
    [
        ([column("a", "FP64")], ChangeKind.COLUMN_CHANGED),
        ([column("a", "FP32", 2)], ChangeKind.COLUMN_CHANGED),
        ([column("a"), column("new", "INT64")], ChangeKind.COLUMN_ADDED),
        ([column("a"), column("new", "BOOL")], ChangeKind.COLUMN_ADDED),
        ([column("A", "FP32"), column("a"), column("aB"), column("a_b")], ChangeKind.NAMES_COLLIDE),
    ],
)
def test_what_breaks_callers_opens_the_next_schema(
    inputs: list[TensorSpec], kind: ChangeKind
) -> None:
    before, now = shape_of(column("a")), shape_of(*inputs)
    assert kind in {change.kind for change in breaking(before, now)}
    if kind is not ChangeKind.NAMES_COLLIDE:
        assert [schema.major for schema in register([before, now])] == [1, 2]


def test_a_version_without_any_known_column_is_another_model() -> None:
    before, now = shape_of(column("a"), column("b")), shape_of(column("c"), column("d"))
    assert {change.kind for change in breaking(before, now)} == {
        ChangeKind.COLUMN_ADDED,
        ChangeKind.COLUMN_REMOVED,
    }


def test_answers_keep_what_callers_read() -> None:
    before = shape_of(column("a"), outputs=(LABEL, PROBABILITIES))
    more = shape_of(column("a"), outputs=(LABEL, PROBABILITIES, column("margin")))
    assert breaking(before, more) == []
    assert [c.kind for c in breaking(more, before)] == [ChangeKind.OUTPUT_REMOVED]
    whole = replace(LABEL, datatype="INT64")
    other = shape_of(column("a"), outputs=(whole, PROBABILITIES))
    assert [c.kind for c in breaking(before, other)] == [ChangeKind.OUTPUT_CHANGED]


def test_classes_may_change() -> None:
    signature = Signature((column("a"),), (LABEL, replace(PROBABILITIES, shape=(-1, 2))))
    fewer = read_shape(signature, ("a", "b"))
    assert fewer
    assert breaking(shape_of(column("a"), outputs=(LABEL, PROBABILITIES)), fewer) == []


def test_a_number_is_one_column_of_one_type_in_every_schema() -> None:
    schemas = register(
        [
            shape_of(column("a"), column("b")),
            shape_of(column("a"), column("b", "FP64"), column("c")),
            shape_of(column("a"), column("b")),
            shape_of(column("b"), column("c", "BYTES")),
        ]
    )
    assert [schema.major for schema in schemas] == [1, 2, 1, 1]
    assert numbers(schemas[1]) == {"a": 1, "b": 3, "c": 4}
    assert numbers(schemas[3]) == {"a": 1, "b": 2, "c": 5}
    owners: dict[int, set[object]] = {}
    for schema in schemas:
        for field in schema.inputs:
            owners.setdefault(field.number, set()).add(field.column)
    assert all(len(columns) == 1 for columns in owners.values())


def test_the_newest_schema_that_a_version_fits_is_its_own() -> None:
    schemas = register(
        [
            shape_of(column("a")),
            shape_of(column("a"), column("n", "INT64")),
            shape_of(column("a")),
        ]
    )
    assert [schema.major for schema in schemas] == [1, 2, 2]


@pytest.mark.parametrize(
    "signature",
    [
        Signature((TensorSpec("x", "FP32", (1, 3)),), (LABEL,)),
        Signature((TensorSpec("x", "FP32", (-1, -1)),), (LABEL,)),
        Signature((TensorSpec("x", "FP32", (-1, 0)),), (LABEL,)),
        Signature((column("x"),), (TensorSpec("y", "FP32", ()),)),
        Signature((), (LABEL,)),
        Signature(tuple(column(f"c{i}") for i in range(5001)), (LABEL,)),
    ],
)
def test_tensors_that_are_no_rows_have_no_typed_service(signature: Signature) -> None:
    assert read_shape(signature, ()) is None


def test_columns_of_several_elements_are_lists() -> None:
    shape = shape_of(column("x", "FP32", 2, 3), TensorSpec("y", "INT8", (-1,)))
    assert [(c.width, c.is_list) for c in shape.inputs] == [(6, True), (1, False)]


@pytest.mark.parametrize(
    ("name", "field_name"),
    [
        ("bill_length_mm", "bill_length_mm"),
        ("billLength", "billLength"),
        ("Sepal Length (cm)", "sepal_length_cm"),
        ("Größe", "groe"),  # what has no form in ASCII is left out
        ("2nd", "column_2nd"),
        ("体重", "column_7"),
        ("explain", "column_explain"),
        ("Model Version", "column_model_version"),
        ("a.b", "a_b"),
    ],
)
def test_names_of_fields(name: str, field_name: str) -> None:
    assert make_field_name(name, 7) == field_name


@pytest.mark.parametrize(
    "names",
    [("a b", "a_b"), ("aB", "a_b"), ("a-b", "a b"), ("modelVersion", "x"), ("x", "EXPLAIN_")],
)
def test_columns_that_one_name_could_mean_collide(names: tuple[str, str]) -> None:
    found = find_own_collision(shape_of(*(column(name) for name in names)))
    assert bool(found) == (names != ("x", "EXPLAIN_"))


def test_a_number_that_is_a_name_is_not_handed_out_twice() -> None:
    assert choose_schema("m", [], shape_of(column("column_2"), column("体重"))) is None


def test_numbers_run_out() -> None:
    known = ModelSchema("m", 1, (), ())
    (first,) = register([shape_of(column("a"))])
    last = replace(first.inputs[0], number=18_999, column=replace(first.inputs[0].column, width=9))
    assert choose_schema("m", [replace(known, inputs=(last,))], shape_of(column("b"))) is None


def test_models_never_share_a_package() -> None:
    names = {service_of(model_id, 2) for model_id in ("a-b", "a--b", "ab", "a-b-c")}
    assert len(names) == 4
    assert service_of("my-model", 2) == "models.my_model.v2.MyModel"
    assert service_of("predict-request", 1) == "models.predict_request.v1.PredictRequestService"
    assert file_of("my-model", 2) == "models/my_model/v2/my_model.proto"


def test_an_example_leaves_out_what_is_missing() -> None:
    (schema,) = register(
        [
            shape_of(
                column("length"),
                column("island", "BYTES"),
                column("sex", "BYTES"),
                column("pair", "INT64", 2),
            )
        ]
    )
    golden = GoldenRows(
        inputs={
            "length": GoldenTensor("FP32", (2, 1), ("NaN", 1.5)),
            "island": GoldenTensor("BYTES", (2, 1), ("Dream", "it's")),
            "sex": GoldenTensor("BYTES", (2, 1), ("", "")),
            "pair": GoldenTensor("INT64", (2, 2), (1, 2, 3, 4)),
        },
        outputs={},
    )
    assert make_example(schema, golden) == {"island": "Dream", "pair": [1, 2]}
    assert make_example(schema, golden, 1) == {"length": 1.5, "island": "it's", "pair": [3, 4]}
    assert write_example_line(schema, golden) == (
        """grpcurl -plaintext -d '{"island": "Dream", "pair": [1, 2]}' 127.0.0.1:8001"""
        " models.m.v1.M/Predict"
    )
