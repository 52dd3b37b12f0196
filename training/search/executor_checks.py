"""What the executor of a search must fulfil before its job is taken."""

from collections.abc import Iterator

from training.findings import Finding
from training.job import JobBounds, JobSpec
from training.search.spec import LOCAL, RAY
from training.tables import DatasetVersionRow

_FIELD = "training_job.executor"


def find_executor_faults(
    spec: JobSpec, table: DatasetVersionRow | None, bounds: JobBounds
) -> Iterator[Finding]:
    """Find why the trials of a job's search can't run where they are asked to.

    Args:
        spec: What is wanted.
        table: The table, if there is one.
        bounds: What a job may ask for at most.
    """
    executor = spec.search.executor if spec.search else LOCAL
    if executor not in (LOCAL, RAY):
        message = f"there is no executor {executor[:100]!r}; there are {LOCAL} and {RAY}"
        yield Finding(_FIELD, "FIELD_INVALID", message, LOCAL)
    elif executor == RAY and not bounds.ray_table_mb:
        message = (
            "this server has no Ray cluster; its operator installs the extra `ray` (pip install"
            " 'modelyard-server[ray]') on workers and nodes, and sets ray_address"
        )
        yield Finding(_FIELD, "EXECUTOR_UNAVAILABLE", message, LOCAL)
    elif executor == RAY and table and table.size_bytes > bounds.ray_table_mb << 20:
        message = (
            f"the table has {table.size_bytes >> 20} MiB; at most {bounds.ray_table_mb} are sent"
            " to the machines of a cluster, which is the operator's ray_table_mb"
        )
        yield Finding(_FIELD, "OVER_BOUND", message, LOCAL)
