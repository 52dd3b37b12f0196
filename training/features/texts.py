"""Short texts to TF-IDF of their words.

A word is a run of characters between separators, which are a fixed list: space and punctuation
of ASCII (but `_`), and the usual ones beyond it. So it means the same to any engine of regular
expressions, in any locale, whichever letters its Unicode tables know. Words count alike in the
cases that training rows have them in, and in lower, upper and capital case: a table lists all
these forms, and both sides look words up there rather than change their case. What is not in
the table is no term, but stands between its neighbours.

Both sides round to FP32 in the end: the sum of squares may be added up in another order.
"""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Self

import numpy as np
import polars as pl
from onnx import TensorProto
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from registry.signature import TensorSpec
from training.feature_steps import USUAL_TERMS, TextSteps
from training.features.rows import Array
from training.onnx_graph import OnnxGraph

# Code points of Unicode, in hexadecimal.
_SEPARATORS = (
    "0-2f 3a-40 5b-5e 60-60 7b-a9 ab-b1 b4-b4 b6-b8 bb-bb bf-bf d7-d7 f7-f7 2000-200b 200e-206f"
    " 20a0-20cf 2190-2bff 2e00-2e7f 3000-3004 3008-3020 fe10-fe1f fe30-fe6f feff-feff ff00-ff0f"
    " ff1a-ff20 ff3b-ff3e ff5b-ff65"
)
_WORD = "[^" + re.sub("([0-9a-f]+)-([0-9a-f]+) ?", r"\\x{\1}-\\x{\2}", _SEPARATORS) + "]+"
_PYTHON_WORD = re.compile(re.sub(r"\\x\{([0-9a-f]+)\}", lambda hit: rf"\u{hit[1]:0>4}", _WORD))
_NO_TERM = (" ",)  # holds a separator, so no text has it
_COMMON_ROWS = 2

Term = tuple[str, ...]


def split_words(text: str) -> list[str]:
    """Split a text into its words."""
    return _PYTHON_WORD.findall(text)


class TermCounts(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # has no types
    """Texts to how often each has every term: a word, or two that follow each other.

    Args:
        max_terms: How many terms there are at most, those of most training rows.
        min_count: In how many training rows a term must be.
        max_words: How many words a term has at most, 1 or 2.
    """

    def __init__(self, max_terms: int, min_count: int, max_words: int) -> None:
        self.max_terms = max_terms
        self.min_count = min_count
        self.max_words = max_words

    def fit(self, frame: pl.DataFrame, y: object = None) -> Self:
        """Choose the terms of training rows, a frame of one column."""
        del y
        found = [split_words(text) for text in frame.to_series()]
        rows = (set(self._list_terms([word.lower() for word in words])) for words in found)
        counts = Counter(term for row in rows for term in row)
        often = [term for term, count in counts.items() if count >= self.min_count]
        often.sort(key=lambda term: (-counts[term], len(term), term))
        # Single words first, as the graph has them.
        self.terms_ = sorted(often[: self.max_terms], key=lambda term: (len(term), term))
        self.terms_ = self.terms_ or [_NO_TERM]
        self.forms_ = self._list_forms({word for words in found for word in words})
        return self

    def _list_terms(self, words: list[Any]) -> Iterable[tuple[Any, ...]]:
        yield from ((word,) for word in words)
        if self.max_words > 1:
            yield from pairwise(words)

    def _list_forms(self, seen: set[str]) -> dict[str, int]:
        """Map every form of a word that a term has to the word's number."""
        words = sorted({word for term in self.terms_ for word in term})
        numbers = {word: number for number, word in enumerate(words)}
        forms = {word: numbers[word.lower()] for word in sorted(seen) if word.lower() in numbers}
        for word, number in numbers.items():
            for form in (word, word.capitalize(), word.upper()):
                forms.setdefault(form, number)
        return forms

    @property
    def numbered_terms_(self) -> list[tuple[int, ...]]:
        """The terms as the numbers of their words."""
        return [tuple(self.forms_[word] for word in term) for term in self.terms_]

    def transform(self, frame: pl.DataFrame) -> Any:
        """Count the terms: sparse [rows, terms]."""
        places = {term: place for place, term in enumerate(self.numbered_terms_)}
        counter = CountVectorizer(analyzer=self._number_terms, vocabulary=places, dtype=np.float64)
        return counter.transform(frame.to_series())

    def _number_terms(self, text: str) -> list[tuple[int, ...]]:
        return list(self._list_terms([self.forms_.get(word, -1) for word in split_words(text)]))


def build_texts(steps: TextSteps) -> Pipeline:
    """Build the steps of one column of texts."""
    counts = TermCounts(
        steps.max_terms or USUAL_TERMS, steps.min_count or _COMMON_ROWS, steps.max_words or 1
    )
    parts = [
        ("count", counts),
        ("weigh", TfidfTransformer()),
        ("round", FunctionTransformer(_to_rounded, accept_sparse=True)),
    ]
    return Pipeline(parts)


def _to_rounded(matrix: Any) -> Array:
    rounded: Array = matrix.toarray().astype(np.float32).astype(np.float64)
    return rounded


def add_texts(graph: OnnxGraph, steps: Pipeline, inputs: list[TensorSpec]) -> str:
    """Add what `build_texts` built; return the name of its FP64 matrix."""
    (spec,) = inputs
    counts = _add_counts(graph, steps["count"], _add_words(graph, spec.name))
    weighted = graph.add("Mul", counts, graph.add_constant(steps["weigh"].idf_))
    axis = graph.add_constant(np.array([1]))
    length = graph.add("Sqrt", graph.add("ReduceSumSquare", weighted, axis))
    # A text without terms is as long as nothing, and stays nothing.
    zero, one = graph.add_constant(np.array(0.0)), graph.add_constant(np.array(1.0))
    length = graph.add("Where", graph.add("Equal", length, zero), one, length)
    return graph.add_rounding(graph.add("Div", weighted, length))


def _add_words(graph: OnnxGraph, text: str) -> str:
    """Split texts [rows, 1] into words [rows + 1, words]."""
    # A row with a word: without it there might be no words, or no row.
    some = graph.add_constant(np.array([["a"]], dtype=object))
    words = graph.add_words(graph.add("Concat", text, some, axis=0), _WORD, "")
    return graph.add("Squeeze", words, graph.add_constant(np.array([1])))


def _add_counts(graph: OnnxGraph, step: TermCounts, words: str) -> str:
    numbers = graph.add(
        "LabelEncoder",
        words,
        domain="ai.onnx.ml",
        keys_strings=list(step.forms_),
        values_int64s=list(step.forms_.values()),
        default_int64=-1,
    )
    terms = step.numbered_terms_
    singles = sum(len(term) == 1 for term in terms)
    counts = graph.add(
        "TfIdfVectorizer",
        numbers,
        mode="TF",
        min_gram_length=1,
        max_gram_length=2 if singles < len(terms) else 1,
        max_skip_count=0,
        pool_int64s=[number for term in terms for number in term],
        ngram_counts=[0, singles] if singles < len(terms) else [0],
        ngram_indexes=range(len(terms)),
    )
    return graph.drop_last_row(graph.add("Cast", counts, to=TensorProto.DOUBLE))
