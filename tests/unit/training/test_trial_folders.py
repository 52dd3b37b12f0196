"""Folders of trials: gone at the end, and those of killed processes gone with the next trial."""

import os
import tempfile
from pathlib import Path

import pytest

from training.search.trial_folders import open_folder


def make_old(folder: Path) -> None:
    os.utime(folder, (0, 0))


def test_what_dead_trials_left_is_removed_and_what_is_in_use_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, young = tmp_path / "modelyard-trial-dead", tmp_path / "modelyard-trial-young"
    other = tmp_path / "other"
    for folder in (dead, young, other):
        folder.mkdir()
        (folder / "lock").touch()
    make_old(dead)
    make_old(other)
    with open_folder() as ours:
        make_old(ours)
        assert set(tmp_path.iterdir()) == {ours, young, other}
        with open_folder() as second:
            assert ours.exists()
            assert second != ours
    assert set(tmp_path.iterdir()) == {young, other}
