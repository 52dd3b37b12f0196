"""Which rows are learned from and which are evaluated on.

A group is never divided; rows of equal time are on one side, and no evaluated row is older than
one that was learned from. A class may be missing among the rows to learn from only where groups,
times or plain chance decide; such rows count as wrongly predicted.
"""

import math
import warnings
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from registry.signature import Task
from training.evaluation.scheme import Scheme, SplitKind
from training.features import Array
from training.refusal import FitRefused


@dataclass(frozen=True, slots=True)
class Split:
    """Which rows are for what, as sorted indices."""

    training: Array
    holdout: Array


@dataclass(frozen=True, slots=True)
class Division:
    """What divides the rows of one table.

    Attributes:
        kind: How.
        keys: [rows] The number of each row's group, or of its time, oldest first; zeros where
            neither matters.
        strata: [rows] The number of each row's class; zeros for values.
        seed: Seeds chance.
    """

    kind: SplitKind
    keys: Array
    strata: Array
    seed: int

    def select(self, rows: Array) -> Self:
        """Take what divides some of the rows."""
        return replace(self, keys=self.keys[rows], strata=self.strata[rows])


def make_division(
    scheme: Scheme, task: Task, frame: pl.DataFrame, target: Array, seed: int
) -> Division:
    """Make what divides rows.

    Args:
        scheme: What is asked for.
        task: Whether the target holds classes.
        frame: The table, which has the column of groups or times, if one is asked for. Rows
            without a group are one group; rows without a time count as the oldest.
        target: [rows] What is to be predicted.
        seed: Seeds chance.
    """
    ranks = np.zeros(len(target), np.int64)
    if scheme.column:
        ranks = frame[scheme.column].rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
    strata = np.zeros(len(target), np.int64)
    if task is Task.CLASSIFICATION:
        strata = np.unique(target, return_inverse=True)[1]
    return Division(scheme.resolve(task), ranks, strata, seed)


def split_rows(division: Division, fraction: float) -> Split:
    """Choose the holdout rows.

    With strata every class gives its share, and keeps at least one row for training: a class
    of one row is learned from and not evaluated.

    Args:
        division: What divides at least two rows.
        fraction: The part to hold out, in (0, 1); groups and times are kept whole, so that
            the part is the nearest to it that they allow, or a little more.

    Returns:
        At least one row each.

    Raises:
        FitRefused: There is one group or one time only, or one class to learn from.
    """
    match division.kind:
        case SplitKind.GROUPED:
            holdout = _hold_groups(division, fraction)
        case SplitKind.TIME_ORDERED:
            holdout = _hold_newest(division.keys, fraction)
        case SplitKind.STRATIFIED:
            holdout = _hold_shares(division.strata, fraction, division.seed)
        case SplitKind.RANDOM:
            rows = np.zeros(len(division.strata), np.int64)
            holdout = _hold_shares(rows, fraction, division.seed)
    split = Split(np.setdiff1d(np.arange(len(division.keys)), holdout), np.sort(holdout))
    _check_classes(division, split.training, "the rows to learn from")
    return split


def make_folds(division: Division, training: Array, folds: int) -> list[Split]:
    """Divide the training rows into folds; each fold's holdout rows are evaluated once.

    Returns:
        Indices of the table, one split a fold. Folds in time leave the oldest part to be
        learned from only.

    Raises:
        FitRefused: There are fewer groups, times or rows than folds, or a fold would learn
            from one class.
    """
    keys, strata = division.keys[training], division.strata[training]
    parts = _divide(division, keys, strata, folds)
    splits = [Split(training[learned], training[held]) for learned, held in parts]
    for number, split in enumerate(splits, 1):
        _check_classes(division, split.training, f"the rows that fold {number} learns from")
    return splits


def keep_every_label(division: Division, split: Split, target: Array) -> Split:
    """See to it that every label both holds and doesn't hold among the rows to learn from.

    Where chance divides the rows, some are moved there.

    Args:
        division: What divided the rows.
        split: A split that knows nothing of labels.
        target: [rows, labels] Whether each holds.

    Raises:
        FitRefused: Nothing would be left to evaluate on, or rows can't be moved.
    """
    training, holdout = list(split.training), list(split.holdout)
    for label in target.T:
        for value in np.unique(label[[*training, *holdout]]):
            if not (label[training] == value).any():
                moved = next(row for row in holdout if label[row] == value)
                holdout.remove(moved)
                training.append(moved)
    if len(training) > len(split.training) and division.kind is not SplitKind.RANDOM:
        raise _refuse(
            "a label holds in all or in none of the rows to learn from; divide the rows by chance"
        )
    if not holdout:
        raise FitRefused(
            "TOO_FEW_ROWS",
            "every row is needed to learn from, as each label must hold in one and not in another;"
            " add rows, or take targets away that are rarely true or false",
        )
    return Split(np.sort(training), np.array(holdout))


def _hold_shares(strata: Array, fraction: float, seed: int) -> Array:
    random = np.random.default_rng(seed)
    groups = np.split(np.argsort(strata, kind="stable"), np.cumsum(np.bincount(strata))[:-1])
    shuffled = [random.permutation(group) for group in groups]
    # Rounded up or down by chance, so that many small classes give their share together.
    counts = [_bound(math.floor(len(g) * fraction + random.random()), len(g)) for g in shuffled]
    if not any(counts):
        counts[int(np.argmax([len(group) for group in shuffled]))] = 1
    return np.concatenate([g[:count] for g, count in zip(shuffled, counts, strict=True)])


def _bound(count: int, rows: int) -> int:
    return min(count, rows - 1)


def _hold_groups(division: Division, fraction: float) -> Array:
    """Hold out groups in an order of chance, until their rows are nearest to the fraction."""
    groups, codes = np.unique(division.keys, return_inverse=True)
    if len(groups) == 1:
        raise _refuse("every row is of one group, so none can be held out")
    order = np.random.default_rng(division.seed).permutation(len(groups))
    rows = np.cumsum(np.bincount(codes)[order])
    # At least one group on either side.
    count = 1 + int(np.argmin(np.abs(rows[:-1] - fraction * len(codes))))
    return np.flatnonzero(np.isin(codes, order[:count]))


def _hold_newest(keys: Array, fraction: float) -> Array:
    times, codes = np.unique(keys, return_inverse=True)
    if len(times) == 1:
        raise _refuse("every row is of one time, so none is newer than another")
    newer = np.cumsum(np.bincount(codes)[::-1])[:-1]
    count = 1 + int(np.argmin(np.abs(newer - fraction * len(codes))))
    return np.flatnonzero(codes >= len(times) - count)


def _divide(
    division: Division, keys: Array, strata: Array, folds: int
) -> list[tuple[Array, Array]]:
    """Divide rows into folds, as pairs of indices among them."""
    seed = division.seed
    distinct = len(np.unique(keys))
    match division.kind:
        case SplitKind.GROUPED:
            _check_enough(distinct, folds, "groups")
            divider = GroupKFold(folds, shuffle=True, random_state=seed)
            return list(divider.split(keys, groups=keys))
        case SplitKind.TIME_ORDERED:
            _check_enough(distinct, folds + 1, "different times")
            return _expand(keys, folds)
        case SplitKind.STRATIFIED:
            _check_enough(int(np.bincount(strata).max()), folds, "rows of any class")
            with warnings.catch_warnings():
                # A class of fewer rows than folds is missing in some folds, which figures bear.
                warnings.simplefilter("ignore")
                divider = StratifiedKFold(folds, shuffle=True, random_state=seed)
                return list(divider.split(keys, strata))
        case SplitKind.RANDOM:
            _check_enough(len(keys), folds, "rows")
            return list(KFold(folds, shuffle=True, random_state=seed).split(keys))


def _expand(keys: Array, folds: int) -> list[tuple[Array, Array]]:
    """Cut the rows in time; each part is evaluated by what was learned from all before it."""
    times, codes = np.unique(keys, return_inverse=True)
    before = np.cumsum(np.bincount(codes))
    wanted = np.arange(1, folds + 1) * len(keys) / (folds + 1)
    cuts: list[int] = []
    for number, rows in enumerate(wanted):
        nearest = 1 + int(np.argmin(np.abs(before - rows)))
        # Every part keeps at least one time, also where one time has most of the rows.
        least, most = (cuts[-1] if cuts else 0) + 1, len(times) - folds + number
        cuts.append(min(max(nearest, least), most))
    ends = [*cuts[1:], len(times)]
    return [
        (np.flatnonzero(codes < start), np.flatnonzero((codes >= start) & (codes < end)))
        for start, end in zip(cuts, ends, strict=True)
    ]


def _check_enough(found: int, needed: int, what: str) -> None:
    if found < needed:
        raise _refuse(
            f"there are {found} {what} to learn from and these folds need {needed}; ask for fewer"
            " folds"
        )


def _check_classes(division: Division, training: Array, what: str) -> None:
    classes = division.strata
    if classes.any() and len(np.unique(classes[training])) == 1:
        raise _refuse(f"{what} are all of one class; divide the rows another way")


def _refuse(message: str) -> FitRefused:
    return FitRefused("SPLIT_INVALID", message)
