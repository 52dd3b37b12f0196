import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from server.settings import Settings
from server.telemetry import set_levels, set_up_logging


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


def write_every_level() -> None:
    log = structlog.get_logger()
    for write in (log.debug, log.info, log.warning, log.error, log.critical):
        write("ours")
    for level in (10, 20, 30, 40, 50):
        logging.getLogger("a.library").log(level, "theirs")


@pytest.mark.parametrize(
    "on", [{"debug", "info", "warning", "error"}, {"info", "error"}, {"warning"}, set()]
)
def test_levels_can_be_switched_while_the_process_runs(
    on: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging(Settings(log_format="json"))
    set_levels(on)
    write_every_level()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    for who in ("ours", "theirs"):
        assert {line["level"] for line in lines if line["event"] == who} == on | {"critical"}


def test_setting_up_switches_everything_back(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(Settings(log_format="json"))
    set_levels({"debug", "error"})
    set_up_logging(Settings(log_format="json"))
    structlog.get_logger().info("ours")
    assert "ours" in capsys.readouterr().err
