import time

from serving.statistics import MOST_BATCH_SIZES, StatisticsBook, VersionStatistics


def test_sums_add_up() -> None:
    statistics = VersionStatistics()
    statistics.add_run(1, 100, (110, 130, 170, 250))
    statistics.add_run(1, 200, (200, 201, 203, 207))
    statistics.add_run(4, 300, (300, 310, 320, 330))
    total = statistics.sum_runs()
    assert (total.runs, total.rows) == (3, 6)
    assert (total.queue_ns, total.input_ns, total.infer_ns, total.output_ns) == (10, 31, 52, 94)
    assert total.total_ns == (250 - 100) + (207 - 200) + (330 - 300)
    batches = {size: (runs.runs, runs.infer_ns) for size, runs in statistics.list_batches()}
    assert batches == {1: (2, 42), 4: (1, 10)}


def test_failures_are_counted_with_their_time() -> None:
    statistics = VersionStatistics()
    statistics.add_failure(time.perf_counter_ns() - 5_000_000_000)
    assert statistics.failures == 1
    assert statistics.failed_ns >= 5_000_000_000
    assert statistics.sum_runs().runs == 0


def test_the_last_run_is_told_in_milliseconds_since_1970() -> None:
    statistics = VersionStatistics()
    assert statistics.last_run_ms == 0
    before, now = time.time_ns() // 1_000_000 - 1, time.perf_counter_ns()
    statistics.add_run(1, now, (now, now, now, now))
    assert before <= statistics.last_run_ms <= time.time_ns() // 1_000_000 + 1


def test_callers_who_vary_their_batches_do_not_fill_the_memory() -> None:
    statistics = VersionStatistics()
    for rows in range(1, MOST_BATCH_SIZES + 100):
        statistics.add_run(rows, 0, (0, 1, 2, 3))
    assert len(list(statistics.list_batches())) == MOST_BATCH_SIZES
    total = statistics.sum_runs()
    assert total.runs == MOST_BATCH_SIZES + 99
    assert total.rows == sum(range(1, MOST_BATCH_SIZES + 100))


def test_a_version_that_is_loaded_again_goes_on_counting() -> None:
    book = StatisticsBook(most=2)
    first = book.open(("m", 1, "a"))
    assert book.open(("m", 1, "a")) is first
    book.open(("m", 2, "b"))
    book.open(("m", 1, "a"))
    book.open(("m", 3, "c"))
    assert book.find(("m", 1, "a")) is first
    unknown = book.find(("m", 2, "b"))
    assert (unknown.failures, unknown.sum_runs().runs, unknown.last_run_ms) == (0, 0, 0)
