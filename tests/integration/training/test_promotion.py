"""What becomes of a version that a job made, on real parts."""

from dataclasses import replace

from registry.aliases import Move, get_alias, move_alias
from registry.transactions import begin
from tests.integration.training.conftest import Bench
from training.champions import find_champion, settle_promotion
from training.fitting import FitOutcome
from training.job import Job
from training.promotion import Contest, Gate, OnSuccess
from training.states import JobState

WEAK = {"regularization": 1e6}


async def number_of(bench: Bench, alias: str) -> int:
    async with begin(bench.sessions) as session:
        return (await get_alias(session, "m", alias)).number


async def test_a_better_version_is_promoted_and_another_is_not(bench: Bench) -> None:
    canary, gate = OnSuccess(alias="canary"), OnSuccess(gate=Gate("accuracy", 0.05))
    await bench.create("weak", trainer="logistic-regression", settings=WEAK, on_success=canary)
    await bench.create("strong", on_success=gate)
    found = []
    for job_id in ("weak", "strong"):
        await bench.runner.run(job_id)
        job = await bench.get(job_id)
        assert job.state == JobState.SUCCEEDED, job.fault
        assert job.promotion
        found.append((job.promotion.reason, job.promotion.moved))
    assert found == [("ASKED_FOR", True), ("BETTER", True)]
    assert (await number_of(bench, "canary"), await number_of(bench, "champion")) == (1, 2)
    await check_what_happens_to_a_third_version(bench, job)


async def check_what_happens_to_a_third_version(bench: Bench, job: Job) -> None:
    """Settle as the end of a job does, while the champion stays or moves."""
    better = Contest(tuple(replace(metric, value=0.0) for metric in job.metrics))
    as_good = Contest(job.metrics)
    for contest, meanwhile, reason, champion in (
        (as_good, None, "NOT_BETTER", 2),
        (better, 1, "CHAMPION_MOVED", 1),
        (better, None, "BETTER", 2),
    ):
        outcome = FitOutcome(task=job.spec.task, metrics=job.metrics, contest=contest)
        async with begin(bench.sessions) as session:
            seen = await find_champion(session, "m")
            if meanwhile:
                await move_alias(session, Move("m", "champion", meanwhile))
            number = 2 if champion == 2 and seen and seen.number == 1 else 3 - champion
            settled = await settle_promotion(session, job, number, outcome, seen)
        assert settled
        assert (settled.reason, settled.moved) == (reason, reason == "BETTER")
        assert await number_of(bench, "champion") == champion
