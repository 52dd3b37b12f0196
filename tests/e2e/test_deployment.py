"""Moving an alias is the deployment: no restart, no failed call, no mixture."""

from contextlib import ExitStack
from functools import partial

import numpy as np
import onnx
from onnx import numpy_helper

from modelyard import Client
from tests.support import onnx_models
from tests.support.asker import Asker
from tests.support.server_process import ServerProcess, wait_for

ONES = np.ones((1, 3), dtype=np.float32)


def multiplying(factor: float) -> bytes:
    """Make `y = factor * x`."""
    model = onnx.load_model_from_string(onnx_models.double_model())
    weight = numpy_helper.from_array(np.array([factor], dtype=np.float32), "two")
    model.graph.initializer[0].CopyFrom(weight)
    return bytes(model.SerializeToString())


def test_the_served_version_follows_the_alias_under_load(server: ServerProcess) -> None:
    factors = {"1": 1.0, "2": 2.0}
    askers = [Asker(server.address, "follow", factors) for _ in range(3)]
    with server.connect() as client, ExitStack() as stack:
        for factor in factors.values():
            client.push("follow", multiplying(factor))
        wait_for(lambda: served_version(client) == "1")
        for asker in askers:
            stack.enter_context(asker.asking())
        for number in ("2", "1") * 20:
            client.promote("follow", number)
            wait_for(partial(is_served, client, number))
    for asker in askers:
        assert asker.failures == []
        assert set(asker.versions) == factors.keys()


def is_served(client: Client, number: str) -> bool:
    return served_version(client) == number


def served_version(client: Client) -> str:
    return client.predict("follow", ONES).model_version


def test_a_version_without_an_alias_answers_by_its_number(client: Client) -> None:
    for factor in (3.0, 4.0):
        client.push("by-number", multiplying(factor))
    wait_for(lambda: len(client.list_model_versions("by-number")) == 2)
    answer = wait_for(lambda: client.predict("by-number", ONES, version="2"))
    assert answer.outputs["y"][0, 0] == 4.0
