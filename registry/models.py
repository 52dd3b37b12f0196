"""Models: named lines of versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from registry.batching import Batching, check_batching
from registry.changes import REGISTRY_CHANGED, announce
from registry.errors import EtagMismatch, FieldInvalid, ModelAlreadyExists, ModelNotFound
from registry.input_contract import InputContract
from registry.list_filters import Selection
from registry.names import check_id
from registry.paging import Page
from registry.tables import ModelRow

MAX_LABELS = 64


@dataclass(frozen=True, slots=True)
class ModelDraft:
    """What a caller says of a model."""

    display_name: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    batching: Batching | None = None
    input_contract: InputContract | None = None


@dataclass(frozen=True, slots=True)
class ModelChange:
    """What shall become of a model.

    Attributes:
        model_id: The model.
        etag: What the caller saw; empty changes whatever is there.
        draft: The new values.
        fields: Which of the draft's fields to take.
    """

    model_id: str
    etag: str
    draft: ModelDraft
    fields: frozenset[str]


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the registry has it."""

    model_id: str
    uid: str
    etag: str
    display_name: str
    description: str
    labels: Mapping[str, str]
    batching: Batching | None
    input_contract: InputContract | None
    create_time: datetime
    update_time: datetime


async def create_model(session: AsyncSession, model_id: str, draft: ModelDraft) -> Model:
    """Make a model.

    Raises:
        FieldInvalid: The id or the draft is not legal.
        ModelAlreadyExists: The id is taken.
    """
    check_id(model_id, "model_id")
    _check_draft(draft)
    if not await _insert_model(session, model_id, draft):
        raise ModelAlreadyExists(
            f"the model {model_id!r} exists already", field="model_id", details={"model": model_id}
        )
    return await get_model(session, model_id)


async def update_model(session: AsyncSession, change: ModelChange) -> Model:
    """Change a model: compare, then set.

    Raises:
        FieldInvalid: The draft is not legal.
        ModelNotFound: There is no such model.
        EtagMismatch: The model is not what the caller saw.
    """
    _check_draft(change.draft)
    row = await get_model_row(session, change.model_id, for_update=True)
    if change.etag and change.etag != _etag(row):
        raise EtagMismatch(
            f"the model {change.model_id!r} was changed since you read it; read it again, then"
            " decide",
            field="model.etag",
            details={"model": change.model_id},
        )
    for name in change.fields:
        setattr(row, name, getattr(change.draft, name))
    row.revision += 1
    await session.flush()
    await announce(session, REGISTRY_CHANGED, change.model_id)
    return _model(row)


async def ensure_model(session: AsyncSession, model_id: str) -> None:
    """Make a model unless it exists."""
    await _insert_model(session, check_id(model_id, "model"), ModelDraft())


async def get_model(session: AsyncSession, model_id: str) -> Model:
    """Return a model.

    Raises:
        ModelNotFound: There is none.
    """
    return _model(await get_model_row(session, model_id))


async def list_models(session: AsyncSession, page: Page, selection: Selection) -> list[Model]:
    """Return one page of models, and one more if there is a next page."""
    query = selection.apply(select(ModelRow), page.after).limit(page.size + 1)
    return [_model(row) for row in await session.scalars(query)]


async def get_model_row(
    session: AsyncSession, model_id: str, *, for_update: bool = False
) -> ModelRow:
    """Return a model's row, locked until the transaction ends if that is asked for.

    Raises:
        ModelNotFound: There is none.
    """
    query = select(ModelRow).where(ModelRow.model_id == model_id)
    # The row may be in the session from before the lock was had: read it again.
    options = {"populate_existing": True} if for_update else {}
    query = query.with_for_update() if for_update else query
    row = await session.scalar(query.execution_options(**options))
    if row is None:
        raise ModelNotFound(f"there is no model {model_id!r}", details={"model": model_id})
    return row


def check_texts(
    display_name: str, description: str, labels: Mapping[str, str], field_path: str
) -> None:
    """Bound what callers write about a resource.

    Raises:
        FieldInvalid: Something is too long, or there are too many labels.
    """
    for name, value, longest in (
        ("display_name", display_name, 63),
        ("description", description, 10_000),
    ):
        if len(value) > longest or "\0" in value:
            raise FieldInvalid(
                f"{name} must be at most {longest} characters, without NUL",
                field=f"{field_path}.{name}",
            )
    if len(labels) > MAX_LABELS or any(not _label_fits(*item) for item in labels.items()):
        raise FieldInvalid(
            f"labels must be at most {MAX_LABELS}, with keys of 1 to 63 characters and values"
            " of at most 255, without NUL",
            field=f"{field_path}.labels",
        )


def _check_draft(draft: ModelDraft) -> None:
    check_texts(draft.display_name, draft.description, draft.labels, "model")
    check_batching(draft.batching)


def _label_fits(key: str, value: str) -> bool:
    return 0 < len(key) <= 63 and len(value) <= 255 and "\0" not in key + value  # noqa: PLR2004 - said in the error


async def _insert_model(session: AsyncSession, model_id: str, draft: ModelDraft) -> bool:
    values = {
        "model_id": model_id,
        "display_name": draft.display_name,
        "description": draft.description,
        "labels": dict(draft.labels),
        "batching": draft.batching,
        "input_contract": draft.input_contract,
    }
    # Two callers may make the same model at once: the database decides, without an error.
    statement = insert(ModelRow).values(values).on_conflict_do_nothing().returning(ModelRow.id)
    return await session.scalar(statement) is not None


def _etag(row: ModelRow) -> str:
    return f'"{row.id}-{row.revision}"'


def _model(row: ModelRow) -> Model:
    return Model(
        model_id=row.model_id,
        uid=str(row.uid),
        etag=_etag(row),
        display_name=row.display_name,
        description=row.description,
        labels=row.labels,
        batching=row.batching,
        input_contract=InputContract(row.input_contract) if row.input_contract else None,
        create_time=row.create_time,
        update_time=row.update_time,
    )
