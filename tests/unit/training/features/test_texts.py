import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import __file__ as datasets_file
from sklearn.feature_extraction.text import TfidfVectorizer

from registry.signature import Role
from tests.support.feature_graphs import FeatureGraph, make_input
from training.edge_rows import make_edge_rows
from training.feature_steps import FeatureColumn, TextSteps
from training.features.texts import split_words

NOTES = [
    "Größe passt, a I guess!", "die größe: GRÖSSE?", "I a I a", "don't", "ok_1 ok_1 測試 測試",
    "測試 a größe", "", "?!", "A i\u00a0a", "straße STRASSE Straße", "İi \u0131I naïve",
    "naïve naïve café", "CAFÉ… «café»",
]  # fmt: skip


def _fit(notes: list[str], **steps: int) -> FeatureGraph:
    rows = {"note": np.array(notes, object)}
    declared = [FeatureColumn("note", text=TextSteps(**steps))]  # type: ignore[arg-type]  # numbers
    inputs = [make_input("note", Role.TEXT)]
    return FeatureGraph(inputs, rows, np.arange(float(len(notes))), declared)


def _look(graph: FeatureGraph, *texts: str) -> np.ndarray:
    return graph.check({"note": np.array(texts, object)})


def _terms(graph: FeatureGraph) -> list[str]:
    return [" ".join(term) for term in graph.steps["features"].transformers_[0][1]["count"].terms_]


@pytest.mark.parametrize("max_words", [1, 2])
def test_own_rows_and_edge_rows_agree_to_the_last_bit(max_words: int) -> None:
    graph = _fit(NOTES, max_words=max_words, min_count=1)
    rows = {"note": np.array(NOTES, object)}
    np.testing.assert_array_equal(graph.check(rows), graph.fitted)
    for kind in make_edge_rows(graph.inputs, rows, rows).values():
        graph.check(kind)
    assert graph.by_graph({"note": np.zeros(0, object)}).shape == (0, len(_terms(graph)))


def test_tf_idf_of_non_ascii_words_is_that_of_the_textbook() -> None:
    graph = _fit(NOTES, min_count=1)
    place = _terms(graph).index("größe")
    rows = 1 + len(NOTES)
    weights = {
        word: count * (math.log(rows / (1 + often)) + 1)
        for word, count, often in (("größe", 2, 3), ("測試", 1, 2))
    }
    length = math.hypot(*weights.values())
    # In other cases, between other signs; a word never seen is no term.
    (row,) = _look(graph, "Größe\uff08größe\uff09unseen 測試")
    assert row[place] == pytest.approx(weights["größe"] / length, rel=1e-6)


def test_one_letter_words_and_their_pairs_count() -> None:
    graph = _fit(["a b a b", "b a", "a b", "a x b"], max_words=2)
    assert _terms(graph) == ["a", "b", "a b", "b a"]
    both, apart, turned, nothing = _look(graph, "a b, a b", "a ? x b", "b a", "") > 0
    assert both.tolist() == [True] * 4
    assert apart.tolist() == [True, True, False, False]
    assert turned.tolist() == [True, True, False, True]
    assert nothing.tolist() == [False] * 4


def test_the_vocabulary_is_bounded_by_the_rows_of_a_term() -> None:
    notes = ["cat dog", "cat dog", "cat bird", "fish fish fish"]
    assert _terms(_fit(notes)) == ["cat", "dog"]
    assert _terms(_fit(notes, max_terms=1)) == ["cat"]
    assert _terms(_fit(notes, min_count=1, max_terms=3)) == ["bird", "cat", "dog"]


def test_texts_without_a_common_word_are_nothing() -> None:
    graph = _fit(["alpha", "beta", "", "gamma delta"])
    assert _look(graph, "alpha", " ", "").tolist() == [[0.0], [0.0], [0.0]]


def test_cases_count_alike() -> None:
    graph = _fit(["straße", "straße McDonald", "mcdonald", "ß ß", "ß"])
    rows = _look(graph, "straße", "Straße", "STRASSE", "McDonald", "mcdonald", "MCDONALD")
    np.testing.assert_array_equal(rows[:3], rows[[0, 0, 0]])
    np.testing.assert_array_equal(rows[3:], rows[[3, 3, 3]])
    assert rows.any(axis=1).all()


TEXTS = st.text(
    st.sampled_from("ab AB.,ßẞıİşŞéÉ測\u0301\u00a0\u2028_'\N{PENGUIN}\n")
    | st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
    max_size=30,
)


@settings(max_examples=12, derandomize=True)
@given(
    training=st.lists(TEXTS, min_size=4, max_size=12),
    asked=st.lists(TEXTS, min_size=1, max_size=40),
)
def test_any_text_agrees(training: list[str], asked: list[str]) -> None:
    graph = _fit(training, min_count=1, max_words=2)
    _look(graph, *training, *asked)


def test_plain_english_is_tokenised_as_scikit_learn_does() -> None:
    """Real sentences: the descriptions of scikit-learn's own tables."""
    folder = Path(datasets_file).parent / "descr"
    sentences = [
        line.strip()
        for file in sorted(folder.glob("*.rst"))
        for line in file.read_text().splitlines()
    ]
    sentences = [line for line in sentences if line and line.isascii()]
    ours = Counter(word.lower() for line in sentences for word in split_words(line))
    theirs = TfidfVectorizer(token_pattern=r"(?u)\w+").build_analyzer()
    assert ours == Counter(word for line in sentences for word in theirs(line))
    graph = _fit(sentences, max_terms=50, max_words=2)
    graph.check({"note": np.array(sentences, object)})
