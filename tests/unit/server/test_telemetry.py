import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from server.settings import Settings
from server.telemetry import set_up_logging


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    handlers, level = logging.root.handlers, logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers, logging.root.level = handlers, level


def fail() -> None:
    hidden = "hunter2"
    raise ValueError(f"of {len(hidden)} characters")


@pytest.mark.parametrize("form", ["console", "json"])
def test_tracebacks_are_told_without_the_values_of_variables(
    form: Literal["console", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging(Settings(log_format=form))
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("ours")
        logging.getLogger("a.library").exception("theirs")
    written = capsys.readouterr().err
    assert "hunter2" not in written
    assert written.count("of 7 characters") == 2
    assert "ours" in written
    assert "theirs" in written
    if form == "json":
        assert [json.loads(line)["level"] for line in written.splitlines()] == ["error"] * 2


def test_details_are_left_out_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(Settings(log_level="warning"))
    structlog.get_logger().info("detail")
    logging.getLogger("procrastinate").info("detail")
    assert capsys.readouterr().err == ""
