"""What can be declared of a feature: plain values, kept as JSON with a job.

Every field has a value that means "the usual", so an empty declaration is the default.
"""

from dataclasses import dataclass

from registry.signature import Role

USUAL_CATEGORIES = 100
USUAL_TERMS = 200
USUAL_TIME_PARTS = (
    "age_days",
    "year",
    "month",
    "day",
    "weekday",
    "hour",
    "month_cycle",
    "weekday_cycle",
    "hour_cycle",
)


@dataclass(frozen=True, slots=True)
class NumericSteps:
    """How numbers and booleans go in, in the order of the fields.

    Attributes:
        impute: What stands for a missing number: median, mean, most_frequent or constant;
            empty is median.
        constant: The number for `constant`.
        missing_indicator: Adds a column that is 1 where the number is missing.
        clip_minimum: Smaller numbers become this.
        clip_maximum: Larger numbers become this.
        log: Takes sign(x) * log(1 + |x|), which negative numbers have too.
        bins: Into how many bins numbers are sorted; 0 is into none.
        bin_strategy: quantile, bins of equally many rows, or uniform, of equal width; empty
            is quantile.
        bin_encoding: one_hot or ordinal; empty is one_hot.
        scale: standard, min_max, robust or none; empty is what the trainer needs.
        polynomial_degree: 2 or 3 adds the products of the columns with the same declaration;
            0 adds none.
    """

    impute: str = ""
    constant: float = 0.0
    missing_indicator: bool = False
    clip_minimum: float | None = None
    clip_maximum: float | None = None
    log: bool = False
    bins: int = 0
    bin_strategy: str = ""
    bin_encoding: str = ""
    scale: str = ""
    polynomial_degree: int = 0


@dataclass(frozen=True, slots=True)
class CategoricalSteps:
    """How categories go in.

    Attributes:
        encoding: one_hot, ordinal or target; empty is one_hot.
        max_categories: How many categories count at most, the most frequent first, for
            one_hot and ordinal; 0 is 100.
        min_count: A category in fewer rows is rare; 0 is 1.
        order: For ordinal, the categories from the smallest; empty is by frequency.
        smoothing: For target, how many rows the mean of all counts for; 0 is told from the
            data.
    """

    encoding: str = ""
    max_categories: int = 0
    min_count: int = 0
    order: tuple[str, ...] = ()
    smoothing: float = 0.0

    @property
    def groups_rare(self) -> bool:
        """Whether one_hot has a column for what is rare or unseen."""
        return bool(self.max_categories or self.min_count)


@dataclass(frozen=True, slots=True)
class TimeSteps:
    """How times go in.

    Attributes:
        parts: What is taken of them, see `training.features.calendar`; empty is the usual.
        missing_indicator: Adds a column that is 1 where the time is missing.
    """

    parts: tuple[str, ...] = ()
    missing_indicator: bool = False


@dataclass(frozen=True, slots=True)
class TextSteps:
    """How short texts go in.

    Attributes:
        encoding: tf_idf; empty is the same.
        max_terms: How many terms count at most, those of most rows first; 0 is 200.
        min_count: In how many rows a term must be; 0 is 2.
        max_words: How many words that follow each other are a term at most, 1 or 2; 0 is 1.
    """

    encoding: str = ""
    max_terms: int = 0
    min_count: int = 0
    max_words: int = 0


Steps = NumericSteps | CategoricalSteps | TimeSteps | TextSteps


@dataclass(frozen=True, slots=True)
class FeatureColumn:
    """A column to learn from; what is None is told from the table or the usual.

    At most one of the declarations is given, and it fits the role.
    """

    column: str
    role: Role | None = None
    numeric: NumericSteps | None = None
    categorical: CategoricalSteps | None = None
    time: TimeSteps | None = None
    text: TextSteps | None = None


@dataclass(frozen=True, slots=True)
class FeatureSelection:
    """Which columns of the matrix the estimator sees.

    Attributes:
        method: variance, univariate (F test) or importance (of extra trees).
        max_columns: How many are kept at most, for univariate and importance.
        min_variance: For variance, what a column's variance must be over.
    """

    method: str
    max_columns: int = 0
    min_variance: float = 0.0


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """All that is declared of a job's features."""

    columns: tuple[FeatureColumn, ...] = ()
    selection: FeatureSelection | None = None


USUAL_STEPS: dict[Role, Steps] = {
    Role.NUMERIC: NumericSteps(),
    Role.BOOLEAN: NumericSteps(),
    Role.CATEGORICAL: CategoricalSteps(),
    Role.TIME: TimeSteps(),
    Role.TEXT: TextSteps(),
}


_ROLES_OF_STEPS: dict[type, tuple[Role, ...]] = {
    NumericSteps: (Role.NUMERIC, Role.BOOLEAN),
    CategoricalSteps: (Role.CATEGORICAL,),
    TimeSteps: (Role.TIME,),
    TextSteps: (Role.TEXT,),
}


def declared_steps(feature: FeatureColumn) -> Steps | None:
    """Take what is declared of a feature."""
    return feature.numeric or feature.categorical or feature.time or feature.text


def roles_of_steps(feature: FeatureColumn) -> tuple[Role, ...]:
    """List the roles that fit what is declared of a feature."""
    steps = declared_steps(feature)
    return _ROLES_OF_STEPS[type(steps)] if steps else tuple(Role)


def steps_of(role: Role, feature: FeatureColumn | None) -> Steps:
    """Take a feature's declaration, or the usual of its role."""
    return (declared_steps(feature) if feature else None) or USUAL_STEPS[role]
