"""Versions in the database: made, finished, found."""

import math
from dataclasses import replace

from pydantic import TypeAdapter
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from registry.aliases import crown_first
from registry.artifacts import StoredFile, artifact_of_row, manifest_digest
from registry.changes import REGISTRY_CHANGED, announce
from registry.errors import FieldInvalid, VersionNotFound, VersionStateInvalid
from registry.list_filters import Selection
from registry.models import check_texts, get_model_row
from registry.names import NUMBER_PATTERN
from registry.paging import Page
from registry.schemas import assign_schema, find_schema_fault
from registry.signature import Task
from registry.tables import AliasRow, ArtifactRow, ModelRow, VersionRow
from registry.version import (
    TRANSITIONS,
    Verdict,
    Version,
    VersionDraft,
    VersionState,
    check_creating,
)

_DRAFTS = TypeAdapter(VersionDraft)
_MOST_DRAFT_BYTES = 1 << 20


async def create_version(session: AsyncSession, model_id: str, draft: VersionDraft) -> Version:
    """Make a version in state CREATING under the model's next number.

    Raises:
        FieldInvalid: The draft is not legal.
        ModelNotFound: There is no such model.
    """
    row = await _add_row(session, await _locked_model(session, model_id), draft)
    return await get_version(session, model_id, str(row.number))


async def register_version(
    session: AsyncSession,
    model_id: str,
    draft: VersionDraft,
    files: tuple[StoredFile, ...],
    verdict: Verdict,
) -> Version:
    """Make a version that is complete: its files are stored and admission has decided.

    Raises:
        FieldInvalid: The draft is not legal.
        ModelNotFound: There is no such model.
    """
    model = await _locked_model(session, model_id)
    row = await _add_row(session, model, draft)
    session.add_all(
        ArtifactRow(
            version_row=row.id,
            artifact_id=file.artifact_id,
            mime_type=file.mime_type,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
        )
        for file in files
    )
    await _settle(session, model, row, manifest_digest(files), verdict)
    return await get_version(session, model_id, str(row.number))


async def finish_version(
    session: AsyncSession, model_id: str, number: int, checked_digest: str, verdict: Verdict
) -> Version:
    """End the making of a version with admission's verdict.

    Args:
        session: The transaction.
        model_id: The model.
        number: The version.
        checked_digest: The manifest's digest of the files that admission saw.
        verdict: What it decided.

    Raises:
        VersionNotFound: There is no such version.
        VersionStateInvalid: A file was added while admission ran, or the version is
            no longer CREATING with another result.
    """
    model = await get_model_row(session, model_id, for_update=True)
    row = await _find_row(session, model_id, str(number))
    if row.state == VersionState.CREATING:
        if manifest_digest(row.artifacts) != checked_digest:
            raise VersionStateInvalid(
                "a file was uploaded while the version was being checked; finalize it again",
                details={"model": model_id, "version": str(number)},
            )
        await _settle(session, model, row, checked_digest, verdict)
    # Two callers may have finalized at once: the second one sees what the first decided.
    return await get_version(session, model_id, str(number))


async def get_version(session: AsyncSession, model_id: str, reference: str) -> Version:
    """Return a version.

    Args:
        session: The transaction.
        model_id: The model.
        reference: A number or an alias.

    Raises:
        ModelNotFound, VersionNotFound: There is none.
    """
    return _version(await _find_row(session, model_id, reference))


async def list_versions(
    session: AsyncSession, model_id: str, page: Page, selection: Selection
) -> list[Version]:
    """Return one page of versions, and one more if there is a next page.

    Raises:
        ModelNotFound: There is no such model.
    """
    model = await get_model_row(session, model_id)
    query = _query().where(VersionRow.model_row == model.id)
    query = selection.apply(query, page.after).limit(page.size + 1)
    return [_version(row) for row in await session.scalars(query)]


async def lock_creating_version(session: AsyncSession, model_id: str, number: int) -> VersionRow:
    """Return the row of a version that still takes files, locked until the transaction ends.

    Raises:
        ModelNotFound, VersionNotFound: There is none.
        VersionStateInvalid: It takes no files any more.
    """
    await get_model_row(session, model_id, for_update=True)
    row = await _find_row(session, model_id, str(number))
    check_creating(_version(row))
    return row


async def _locked_model(session: AsyncSession, model_id: str) -> ModelRow:
    return await get_model_row(session, model_id, for_update=True)


async def _add_row(session: AsyncSession, model: ModelRow, draft: VersionDraft) -> VersionRow:
    check_texts("", draft.description, draft.labels, "model_version")
    _check_draft(draft)
    model.last_version += 1
    row = VersionRow(
        model_row=model.id,
        number=model.last_version,
        state=VersionState.CREATING,
        description=draft.description,
        labels=dict(draft.labels),
        task=draft.task,
        classes=draft.classes,
        target_names=draft.target_names,
        metrics=draft.metrics,
        parameters=dict(draft.parameters),
        lineage=draft.lineage,
        parity_report=draft.parity_report,
        faults=(),
        digest="",
    )
    session.add(row)
    await session.flush()
    return row


def _check_draft(draft: VersionDraft) -> None:
    """Make sure that a draft can be kept, and makes no list of versions heavy."""
    numbers = [
        (f"metrics[{i}].{name}", number)
        for i, metric in enumerate(draft.metrics)
        for name in ("value", "lower", "upper", "baseline")
        if (number := getattr(metric, name)) is not None
    ]
    for i, check in enumerate(draft.parity_report.checks if draft.parity_report else ()):
        numbers.append((f"parity_report.checks[{i}].max_difference", check.max_difference))
        numbers.append((f"parity_report.checks[{i}].tolerance", check.tolerance))
    for name, number in numbers:
        if not math.isfinite(number):
            raise FieldInvalid(f"{name} must be finite", field=f"model_version.{name}")
    content = _DRAFTS.dump_json(draft)
    if b"\\u0000" in content or len(content) > _MOST_DRAFT_BYTES:
        raise FieldInvalid(
            f"model_version must be at most {_MOST_DRAFT_BYTES >> 20} MiB, without NUL characters",
            field="model_version",
        )
    for name, items, most in (
        ("classes", draft.classes, 10_000),
        ("target_names", draft.target_names, 1000),
        ("metrics", draft.metrics, 1000),
        ("parameters", draft.parameters, 1000),
    ):
        if len(items) > most:
            raise FieldInvalid(
                f"{name} has {len(items)} entries; at most {most} are kept",
                field=f"model_version.{name}",
            )


async def _settle(
    session: AsyncSession, model: ModelRow, row: VersionRow, digest: str, verdict: Verdict
) -> None:
    if not verdict.faults and verdict.signature:
        fault = find_schema_fault(verdict.signature)
        verdict = replace(verdict, faults=(fault,)) if fault else verdict
    target = VersionState.FAILED if verdict.faults else VersionState.ACTIVE
    assert target in TRANSITIONS[VersionState(row.state)], row.state
    row.state = target
    row.faults = verdict.faults
    row.signature = verdict.signature
    row.admission_report = verdict.report
    row.digest = digest
    row.revision += 1
    await session.flush()
    if target == VersionState.ACTIVE:
        await assign_schema(session, model, row)
        await crown_first(session, model, row)
        await announce(session, REGISTRY_CHANGED, model.model_id)


async def _find_row(session: AsyncSession, model_id: str, reference: str) -> VersionRow:
    model = await get_model_row(session, model_id)
    query = _query().where(VersionRow.model_row == model.id)
    if NUMBER_PATTERN.fullmatch(reference):
        query = query.where(VersionRow.number == int(reference))
    else:
        query = query.join(VersionRow.aliases).where(AliasRow.alias_id == reference)
    row = await session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise VersionNotFound(
            f"the model {model_id!r} has no version {reference!r}",
            details={"model": model_id, "version": reference},
        )
    return row


def _query() -> Select[VersionRow]:
    return select(VersionRow).options(
        joinedload(VersionRow.model),
        selectinload(VersionRow.artifacts),
        selectinload(VersionRow.aliases),
    )


def _version(row: VersionRow) -> Version:
    return Version(
        model_id=row.model.model_id,
        number=row.number,
        state=VersionState(row.state),
        uid=str(row.uid),
        etag=f'"{row.id}-{row.revision}"',
        draft=_draft(row),
        verdict=Verdict(row.faults, row.signature, row.admission_report),
        digest=row.digest,
        schema_major=row.schema_major or 0,
        artifacts=tuple(artifact_of_row(artifact) for artifact in row.artifacts),
        aliases=tuple(alias.alias_id for alias in row.aliases),
        create_time=row.create_time,
        update_time=row.update_time,
    )


def _draft(row: VersionRow) -> VersionDraft:
    return VersionDraft(
        description=row.description,
        labels=row.labels,
        task=Task(row.task) if row.task else None,
        classes=row.classes,
        target_names=row.target_names,
        metrics=row.metrics,
        parameters=row.parameters,
        lineage=row.lineage,
        parity_report=row.parity_report,
    )
