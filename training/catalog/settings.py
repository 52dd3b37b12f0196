"""The settings of every trainer, with bounds, defaults and a sentence each.

A setting that means the same in several trainers has one name and one description here.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """What every trainer's settings have in common: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Regularization = Annotated[
    float,
    Field(ge=1e-6, le=1e6, description="How strongly coefficients are held near zero."),
]
L1Ratio = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        description="The part of the penalty that makes coefficients zero: 0 is ridge, 1 lasso,"
        " between is elastic net.",
    ),
]
ClassWeight = Annotated[
    Literal["none", "balanced"],
    Field(description="balanced lets every class count alike, however rare; classification only."),
]
Trees = Annotated[int, Field(ge=1, le=1000, description="How many trees.")]
# Without a bound the file grows with the table, to hundreds of megabytes.
MaxDepth = Annotated[int, Field(ge=1, le=64, description="Decisions from root to leaf at most.")]
MaxLeaves = Annotated[int, Field(ge=2, le=1024, description="Leaves of a tree at most.")]
MinSamplesLeaf = Annotated[int, Field(ge=1, le=1_000_000, description="Rows in a leaf at least.")]
Iterations = Annotated[
    int, Field(ge=1, le=2000, description="Rounds; a tree per class in each, one for two classes.")
]
LearningRate = Annotated[float, Field(gt=0, le=1, description="How much of each tree is taken.")]
LeafPenalty = Annotated[float, Field(ge=0, le=1e6, description="L2 penalty of leaf values.")]
RowShare = Annotated[
    float, Field(gt=0, le=1, description="The part of the rows that each tree learns from.")
]
ColumnShare = Annotated[
    float, Field(gt=0, le=1, description="The part of the columns that each tree may look at.")
]


class LogisticRegressionSettings(Settings):
    """Settings of `logistic-regression`."""

    regularization: Regularization = 1.0
    l1_ratio: L1Ratio = 0.0
    class_weight: ClassWeight = "none"
    max_iterations: int = Field(1000, ge=1, le=100_000, description="Steps of the solver at most.")


class LinearRegressionSettings(Settings):
    """Settings of `linear-regression`."""

    regularization: Regularization = 1.0
    l1_ratio: L1Ratio = 0.0
    max_iterations: int = Field(
        1000, ge=1, le=100_000, description="Steps of the solver at most, if l1_ratio is over 0."
    )


class ForestSettings(Settings):
    """Settings of `random-forest` and `extra-trees`."""

    trees: Trees = 100
    max_depth: MaxDepth = 16
    min_samples_leaf: MinSamplesLeaf = 1
    class_weight: ClassWeight = "none"


class DecisionTreeSettings(Settings):
    """Settings of `decision-tree`."""

    max_depth: MaxDepth = 8
    min_samples_leaf: MinSamplesLeaf = 5
    class_weight: ClassWeight = "none"


class GradientBoostingSettings(Settings):
    """Settings of `gradient-boosting`."""

    iterations: Iterations = 100
    learning_rate: LearningRate = 0.1
    max_leaves: MaxLeaves = 31
    min_samples_leaf: MinSamplesLeaf = 20
    regularization: LeafPenalty = 0.0
    class_weight: ClassWeight = "none"


class ExactGradientBoostingSettings(Settings):
    """Settings of `exact-gradient-boosting`."""

    iterations: Iterations = 100
    learning_rate: LearningRate = 0.1
    max_depth: int = Field(3, ge=1, le=16, description="Decisions from root to leaf at most.")
    min_samples_leaf: MinSamplesLeaf = 1
    row_share: RowShare = 1.0
    class_weight: ClassWeight = "none"


class LightgbmSettings(Settings):
    """Settings of `lightgbm`."""

    iterations: Iterations = 100
    learning_rate: LearningRate = 0.1
    max_leaves: MaxLeaves = 31
    min_samples_leaf: MinSamplesLeaf = 20
    regularization: LeafPenalty = 0.0
    row_share: RowShare = 1.0
    column_share: ColumnShare = 1.0
    class_weight: ClassWeight = "none"


class XgboostSettings(Settings):
    """Settings of `xgboost`."""

    iterations: Iterations = 100
    learning_rate: LearningRate = 0.1
    max_depth: int = Field(6, ge=1, le=16, description="Decisions from root to leaf at most.")
    min_child_weight: float = Field(
        1.0, ge=0, le=1e6, description="Sum of the rows' weights in a leaf at least."
    )
    regularization: LeafPenalty = 1.0
    row_share: RowShare = 1.0
    column_share: ColumnShare = 1.0
    class_weight: ClassWeight = "none"


class NearestNeighborsSettings(Settings):
    """Settings of `k-nearest-neighbors`."""

    neighbors: int = Field(
        5, ge=1, le=1000, description="How many rows are asked; all of a table that has fewer."
    )
    weights: Literal["uniform", "distance"] = Field(
        "uniform", description="distance lets nearer rows count more, by 1 / distance."
    )


class SupportVectorSettings(Settings):
    """Settings of `svm`."""

    kernel: Literal["rbf", "linear"] = Field(
        "rbf", description="rbf is curved and as wide as gamma says; linear is a plane."
    )
    regularization: Regularization = 1.0
    gamma: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="How fast a row's influence ends with distance; 0 takes"
        " 1 / (columns * variance). rbf only.",
    )
    epsilon: float = Field(
        0.1,
        ge=0,
        le=10,
        description="Errors below it, in standard deviations of the target, cost nothing;"
        " regression only.",
    )
    class_weight: ClassWeight = "none"
    max_iterations: int = Field(
        1_000_000, ge=1, le=10_000_000, description="Steps of the solver at most."
    )


class NaiveBayesSettings(Settings):
    """Settings of `naive-bayes`."""

    smoothing: float = Field(
        1e-2,
        ge=1e-12,
        le=1,
        description="Added to every variance, as a part of the largest variance of a column.",
    )
    class_weight: ClassWeight = "none"


class PerceptronSettings(Settings):
    """Settings of `mlp`."""

    hidden_layers: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field(
        (64,), min_length=1, max_length=4, description="Units of each hidden layer, first to last."
    )
    activation: Literal["relu", "tanh", "logistic"] = Field(
        "relu", description="The function of every hidden unit."
    )
    regularization: float = Field(1e-4, ge=0, le=1e6, description="L2 penalty of the weights.")
    learning_rate: float = Field(
        1e-3, gt=0, le=1, description="Size of the first steps; they are adapted (Adam)."
    )
    max_iterations: int = Field(
        500, ge=1, le=10_000, description="Passes over the rows at most; fewer if it stops gaining."
    )
    class_weight: ClassWeight = "none"
