import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from training.columns import TableFormat
from training.fit import fit
from training.fitting import FitOutcome, FitProgress, FitRequest

Fit = Callable[..., FitOutcome]


@pytest.fixture(scope="session")
def penguins_path() -> Path:
    spec = importlib.util.find_spec("palmerpenguins")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "data" / "penguins.csv"


@pytest.fixture
def told() -> list[FitProgress]:
    return []


@pytest.fixture
def run_fit(tmp_path: Path, told: list[FitProgress]) -> Fit:
    """Fit a frame or a CSV file; the version's files land in `tmp_path`."""

    def run(table: pl.DataFrame | Path, target: str, **options: Any) -> FitOutcome:
        path, table_format = table, TableFormat.CSV
        if isinstance(table, pl.DataFrame):
            path, table_format = tmp_path / "table.parquet", TableFormat.PARQUET
            table.write_parquet(path)
        # Plots and cards take a second, and have tests of their own.
        request = FitRequest(str(path), table_format, target, **{"with_card": False, **options})
        told.clear()
        outcome = fit(request, tmp_path, told.append)
        percents = [progress.percent for progress in told]
        assert percents == sorted(percents)
        return outcome

    return run
