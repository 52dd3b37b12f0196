import numpy as np
import polars as pl

from tests.support.penguins import penguin_rows
from training.leaks import find_leaks

ROWS = 300


def test_columns_that_give_the_target_away_are_named() -> None:
    random = np.random.default_rng(0)
    price = random.normal(100, 10, ROWS)
    frame = pl.DataFrame(
        {
            "price": price,
            "price_again": price,
            "price_in_cents": price * 100 + 7,
            "size": random.normal(size=ROWS) + price,
            "constant": [1] * ROWS,
            "empty": [None] * ROWS,
        }
    )
    again, cents = find_leaks(frame, "price")
    assert again.startswith("the column 'price_again' equals the target")
    assert cents.startswith("the column 'price_in_cents' gives the target by a straight line")


def test_a_code_of_the_class_determines_it() -> None:
    kinds = [f"kind {number % 3}" for number in range(ROWS)]
    frame = pl.DataFrame(
        {
            "kind": kinds,
            "code": [{"kind 0": 10, "kind 1": 20, "kind 2": 20}[kind] for kind in kinds],
            "fine_code": [{"kind 0": 1, "kind 1": 2, "kind 2": 3}[kind] for kind in kinds],
            "id": range(ROWS),
        }
    )
    (leak,) = find_leaks(frame, "kind")
    assert leak.startswith("the column 'fine_code' determines the target")


def test_real_data_without_leaks_has_none() -> None:
    frame = pl.DataFrame(penguin_rows(), infer_schema_length=None)
    assert find_leaks(frame, "species") == ()
    assert find_leaks(frame.head(5), "species") == ()


def test_long_tables_are_looked_at_in_part() -> None:
    target = np.arange(500_000) % 2
    frame = pl.DataFrame({"target": target, "noise": np.random.default_rng(0).normal(size=500_000)})
    assert find_leaks(frame.with_columns(pl.col("target").alias("same")), "target") != ()
    assert find_leaks(frame, "target") == ()
