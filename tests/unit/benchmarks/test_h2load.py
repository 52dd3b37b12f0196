import pytest

from benchmarks.cases import Case
from benchmarks.h2load import LoadFailed, check_sizes, read_output

OUTPUT = """
finished in 2.01s, 5733.00 req/s, 811.98KB/s
requests: 11466 total, 11530 started, 11466 done, 11466 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 11466 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 1.59MB (1662938) total, 34.18KB (34998) headers (space savings 96.23%), 1MB (1043406) data
                     min         max         mean         sd        +/- sd
time for request:     1.48ms     24.78ms     11.11ms      1.98ms    82.50%
time for connect:       60us       136us       103us        25us    75.00%
"""
CASE = Case("case", "", "", 8, 8)


def test_what_h2load_prints_is_read() -> None:
    load = read_output(OUTPUT, 1.5)
    assert (load.calls, load.data_bytes, load.client_seconds) == (11466, 1043406, 1.5)
    assert load.seconds == pytest.approx(2.0)
    assert load.mean_seconds == pytest.approx(0.01111)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("0 failed", "1 failed"),
        ("0 errored", "1 errored"),
        ("0 timeout", "1 timeout"),
        ("11466 succeeded", "11465 succeeded"),
        ("11466 2xx, 0 3xx, 0 4xx, 0 5xx", "11465 2xx, 0 3xx, 0 4xx, 1 5xx"),
        ("11466 done, 11466 succeeded", "0 done, 0 succeeded"),
        ("requests:", "other words:"),
    ],
)
def test_a_call_that_failed_fails_the_run(good: str, bad: str) -> None:
    with pytest.raises(LoadFailed):
        read_output(OUTPUT.replace(good, bad), 0.0)


def test_an_answer_without_its_message_is_found() -> None:
    load = read_output(OUTPUT, 0.0)
    check_sizes(load, 91, CASE)
    with pytest.raises(LoadFailed, match="errors"):
        check_sizes(load, 92, CASE)
    with pytest.raises(LoadFailed, match="errors"):
        check_sizes(load, 90, CASE)
