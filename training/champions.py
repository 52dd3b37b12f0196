"""The champion that a job's version is compared with, and the alias that moves at the end."""

from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from registry.aliases import Move, get_alias, move_alias
from registry.artifacts import MODEL_FILE
from registry.errors import AliasNotFound, EtagMismatch
from registry.signature import CHAMPION
from registry.versions import get_version
from training.fitting import FitOutcome, Rival
from training.job import Job
from training.promotion import Contest, PromotionOutcome, judge


@dataclass(frozen=True, slots=True)
class Champion:
    """A champion as it was when an attempt began.

    Attributes:
        number: Its version.
        etag: The alias's, to move it only from there.
        sha256: Its model file.
        rival: What a fit needs to know of it.
    """

    number: int
    etag: str
    sha256: str
    rival: Rival


async def find_champion(session: AsyncSession, model_id: str) -> Champion | None:
    """Find a model's champion, if it has one."""
    try:
        alias = await get_alias(session, model_id, CHAMPION)
    except AliasNotFound:
        return None
    version = await get_version(session, model_id, str(alias.number))
    digests = {file.artifact_id: file.sha256 for file in version.artifacts}
    assert version.verdict.signature  # an alias points to versions that were admitted
    rival = Rival(version.verdict.signature, version.draft.classes)
    return Champion(alias.number, alias.etag, digests[MODEL_FILE], rival)


async def settle_promotion(
    session: AsyncSession, job: Job, number: int, outcome: FitOutcome, champion: Champion | None
) -> PromotionOutcome | None:
    """Do with a job's new version what the job asks for, in the transaction that ends it.

    Args:
        session: The transaction.
        job: The job.
        number: The version that it made, ACTIVE.
        outcome: What the fit found.
        champion: The champion when the attempt began.
    """
    wanted, model_id = job.spec.on_success, job.spec.model_id
    if wanted.alias:
        await move_alias(session, Move(model_id, wanted.alias, number, allow_missing=True))
        message = f"the alias points to version {number}, as was asked for"
        return PromotionOutcome(True, wanted.alias, "ASKED_FOR", message)  # noqa: FBT003  a value
    if wanted.gate is None:
        return None
    if (await get_alias(session, model_id, CHAMPION)).number == number:
        message = "there was no champion: the first version is"
        return PromotionOutcome(True, CHAMPION, "FIRST", message)  # noqa: FBT003  a value
    if champion is None:
        return PromotionOutcome(False, CHAMPION, *_MOVED_AWAY)  # noqa: FBT003  a value
    assert outcome.task
    contest = outcome.contest or Contest()
    verdict = judge(wanted.gate, outcome.task, outcome.metrics, champion.number, contest)
    return await _move(session, model_id, number, champion, verdict)


_MOVED_AWAY = (
    "CHAMPION_MOVED",
    (
        "another version became the champion while the job ran, which this one was not compared"
        " with; run the job again, or promote the version yourself"
    ),
)


async def _move(
    session: AsyncSession,
    model_id: str,
    number: int,
    champion: Champion,
    verdict: PromotionOutcome,
) -> PromotionOutcome:
    """Move the alias, if the verdict says so and it is where it was."""
    if not verdict.moved:
        return verdict
    try:
        await move_alias(session, Move(model_id, CHAMPION, number, champion.etag))
    except EtagMismatch:
        reason, message = _MOVED_AWAY
        return replace(verdict, moved=False, reason=reason, message=message)
    return verdict
