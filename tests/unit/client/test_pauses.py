from modelyard.jobs import pause_seconds


def test_pauses_grow_to_a_limit_and_spread() -> None:
    assert 0.16 <= pause_seconds(1) <= 0.24
    assert 0.64 <= pause_seconds(3) <= 0.96
    assert 4 <= pause_seconds(50) <= 6
    assert len({pause_seconds(1) for _ in range(20)}) > 1
