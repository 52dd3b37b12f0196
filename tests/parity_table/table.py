"""One small table that has columns of all kinds, and targets for every kind of task."""

from functools import cache

import numpy as np
import polars as pl

from training.columns import Table
from training.features import Array
from training.ingest import profile_table

_ROWS = 80
_CITIES = ("Köln", "Łódź", "東京", "Bergen", "Ål", "Faro")
_SHARES = (0.3, 0.25, 0.2, 0.15, 0.05, 0.05)  # the last two are rare
_WORDS = ("Größe", "a", "I", "fragile", "öffnen", "測試", "été", "don't", "GLASS", "b2")


@cache
def make_table() -> pl.DataFrame:
    """Make parcels, with holes in every column that may have some."""
    random = np.random.default_rng(20)
    weight = np.round(random.lognormal(1, 0.8, _ROWS), 2)
    east = 3_500_000.125 + random.integers(0, 4000, _ROWS) / 8  # FP32 would blur it
    stops = random.integers(0, 9, _ROWS)
    express = random.random(_ROWS) < 0.5
    city = random.choice(np.array(_CITIES), _ROWS, p=_SHARES)
    sent = np.datetime64("2023-11-20T06:30") + random.integers(0, 200_000, _ROWS).astype("m8[m]")
    note = [" ".join(random.choice(np.array(_WORDS), 4)) for _ in range(_ROWS)]
    days = stops / 2 + weight / 4 - 2 * express + (city == "Łódź") + random.normal(0, 0.5, _ROWS)
    frame = pl.DataFrame(
        {
            "weight": _hole(weight, random),
            "east": _hole(east, random),
            "stops": stops,
            "express": express,
            "insured": _hole(random.random(_ROWS) < 0.7, random),
            "city": _hole(city, random),
            "sent": _hole(sent.astype("datetime64[us]"), random),
            "note": _hole(np.array(note), random),
        }
    )
    return frame.with_columns(
        pl.Series("late", days > np.median(days)),
        pl.Series("damaged", random.random(_ROWS) + ["GLASS" in text for text in note] > 1),
        pl.Series("carrier", np.array(["rail", "road", "Straßenbahn"])[np.digitize(days, [1, 3])]),
        pl.Series("days", days),
        pl.Series("cost", weight * 3 + stops**2 + random.normal(0, 1, _ROWS)),
        pl.Series("parcels", random.integers(0, 4, _ROWS)),
    )


def _hole(values: Array, random: np.random.Generator) -> pl.Series:
    """Take a tenth of the values away."""
    return pl.Series(values).set(pl.Series(random.random(len(values)) < 0.1), None)


@cache
def profile() -> Table:
    """Describe the table's columns."""
    return profile_table(make_table())
