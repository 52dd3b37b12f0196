"""Every case, on every transport, by every client."""

from dataclasses import replace

import pytest

from tests.contract.calls import ContractClient, joined
from tests.contract.cases import CASES, Case
from tests.contract.differences import DIFFERENCES, expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_call_comes_out_as_the_contract_says(
    case: Case, client: ContractClient, transport: str
) -> None:
    wanted = expected(transport, case)
    if client.joins_values:
        wanted = joined(wanted)
    came = await client.call(case.call)
    if wanted.details is None:
        came = replace(came, details=None)
    if client.loses_initial and case.call.kind[1] and not wanted.messages:
        came = replace(came, initial=wanted.initial)
    assert came == wanted


def test_every_difference_is_about_a_case() -> None:
    names = {case.name for case in CASES}
    assert len(names) == len(CASES)
    assert {name for _, name in DIFFERENCES} <= names
