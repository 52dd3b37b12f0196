"""`modelyard promote` tells what callers would notice, and asks before it breaks some."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from modelyard import ModelAlias, ModelVersion
from modelyard.registry.v1.registry_pb2 import SchemaChange, ValidateSchemaChangeResponse
from tests.unit.client.test_commands import Command
from tests.unit.client.yard import Context, Yard, failing

CHAMPION = "models/penguins/aliases/champion"
BREAKING = ValidateSchemaChangeResponse(
    typed_service="models.penguins.v2.Penguins",
    current_typed_service="models.penguins.v1.Penguins",
    changes=[
        SchemaChange(
            kind=SchemaChange.KIND_COLUMN_CHANGED,
            name="[sex]",
            breaking=True,
            message="'[sex]' was FP32 and is BYTES",
        ),
        SchemaChange(kind=SchemaChange.KIND_OUTPUT_ADDED, name="odds", message="'odds' is new"),
    ],
)


@pytest.fixture
def yard() -> Yard:
    names = [f"models/penguins/versions/{number}" for number in (1, 2)]
    return Yard(
        aliases={CHAMPION: ModelAlias(name=CHAMPION, model_version=names[0], etag="seen")},
        versions={name: ModelVersion(name=name) for name in names},
        schema_change=BREAKING,
    )


def champion(yard: Yard) -> str:
    return yard.aliases[CHAMPION].model_version[-1]


def test_what_breaks_is_told_and_not_done_where_nobody_can_be_asked(
    command: Command, yard: Yard
) -> None:
    result = command("promote", "penguins", 2)
    assert (result.exit_code, result.stdout, champion(yard)) == (1, "", "1")
    assert re.search(r"NAME +BREAKS v1 +WHAT CHANGES", result.stderr)
    assert re.search(r"column +\[sex\] +yes +'\[sex\]' was FP32 and is BYTES", result.stderr)
    assert re.search(r"output +odds +no +'odds' is new", result.stderr)
    for line in [
        "as champion, version 2 answers models.penguins.v2.Penguins",
        "callers of models.penguins.v1.Penguins stay with the present champion, which goes on",
        "ModelInfer without a version runs version 2 at once",
        "error: nothing was moved: ",
        "hint: --yes moves it all the same",
    ]:
        assert line in result.stderr


def test_yes_moves_what_breaks_and_the_answer_stays_alone_on_stdout(
    command: Command, yard: Yard
) -> None:
    result = command("promote", "penguins", 2, "--yes", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["model_version"] == "models/penguins/versions/2"
    assert "BREAKS v1" in result.stderr
    assert champion(yard) == "2"


@pytest.mark.parametrize(("answer", "code", "left"), [(b"y\n", 0, "2"), (b"\n", 1, "1")])
def test_on_a_terminal_somebody_is_asked(
    target: str, yard: Yard, answer: bytes, code: int, left: str
) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer)
        program = Path(sys.executable).with_name("modelyard")
        done = subprocess.run(
            [program, "--server", target, "promote", "penguins", "2"],
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Move champion to version 2? [y/N]" in done.stderr
    assert (done.returncode, champion(yard)) == (code, left)


def test_a_dry_run_only_tells(command: Command, yard: Yard) -> None:
    result = command("promote", "penguins", 2, "--dry-run")
    assert (result.exit_code, result.stderr, champion(yard)) == (0, "", "1")
    assert "BREAKS v1" in result.stdout
    told = json.loads(command("promote", "penguins", 2, "--dry-run", "--json").stdout)
    assert told["model_alias"]["model_version"] == "models/penguins/versions/2"
    assert not told["schema_change"]["compatible"]
    assert [it["breaking"] for it in told["schema_change"]["changes"]] == [True, False]
    other = json.loads(
        command("promote", "penguins", 2, "--alias", "new", "--dry-run", "--json").stdout
    )
    assert other["schema_change"] is None
    assert list(yard.aliases) == [CHAMPION]


def test_a_version_that_can_not_be_promoted_is_refused_before_anybody_is_asked(
    command: Command, yard: Yard
) -> None:
    yard.before["UpdateModelAlias"] = [failing(grpc.StatusCode.FAILED_PRECONDITION, "it is FAILED")]
    result = command("promote", "penguins", 2, "--dry-run")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "it is FAILED" in result.stderr
    assert not yard.calls["ValidateSchemaChange"]


def test_an_alias_that_no_typed_service_follows_is_moved_unasked(
    command: Command, yard: Yard
) -> None:
    result = command("promote", "penguins", 2, "--alias", "canary")
    assert result.stdout == "penguins: canary is now version 2\n"
    assert yard.aliases["models/penguins/aliases/canary"].model_version.endswith("/2")
    assert (
        result.stderr == "typed services follow champion: their callers notice nothing of canary\n"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ValidateSchemaChangeResponse(compatible=True, typed_service="models.a.v1.A"),
            "as champion, version 2 answers models.a.v1.A\nno typed service is answered by",
        ),
        (
            ValidateSchemaChangeResponse(
                compatible=True,
                typed_service="models.a.v1.A",
                current_typed_service="models.a.v1.A",
            ),
            "as champion, version 2 answers models.a.v1.A, as its callers expect\n",
        ),
    ],
)
def test_what_fits_is_moved_unasked(
    command: Command, yard: Yard, change: ValidateSchemaChangeResponse, words: str
) -> None:
    yard.schema_change = change
    result = command("promote", "penguins", 2)
    assert (result.exit_code, champion(yard)) == (0, "2")
    assert result.stderr.startswith(words)


def test_a_version_without_a_typed_service_breaks_its_callers(command: Command, yard: Yard) -> None:
    yard.schema_change = ValidateSchemaChangeResponse(current_typed_service="models.a.v1.A")
    result = command("promote", "penguins", 2)
    assert (result.exit_code, champion(yard)) == (1, "1")
    assert result.stderr.startswith(
        "as champion, version 2 answers no typed service\ncallers of models.a.v1.A stay"
    )


def test_what_was_compared_is_what_moves(command: Command, yard: Yard) -> None:
    def move_meanwhile(_: Context) -> None:
        yard.aliases[CHAMPION].etag = "other"

    yard.before["ValidateSchemaChange"] = [move_meanwhile]
    result = command("promote", "penguins", 2, "--yes")
    assert (result.exit_code, champion(yard)) == (1, "1")
    assert "the alias was moved (ABORTED)" in result.stderr
