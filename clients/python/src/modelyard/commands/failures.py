"""What people are told when a call fails: what is wrong, and what to do next."""

import grpc

from modelyard.error import ModelyardError

_NO_SERVER = (
    "`modelyard-server serve` starts one; --server HOST:PORT or MODELYARD_SERVER names another"
)
_REPEAT = "try again soon"
_VERSIONS = "`modelyard versions list {model}` shows what there is"

_HINTS_BY_REASON = {
    "MODEL_NOT_FOUND": "`modelyard models list` shows what there is",
    "VERSION_NOT_FOUND": _VERSIONS,
    "ALIAS_NOT_FOUND": _VERSIONS,
    "ARTIFACT_NOT_FOUND": _VERSIONS,
    "DATASET_NOT_FOUND": "`modelyard datasets list` shows what there is",
    "DATASET_VERSION_NOT_FOUND": "`modelyard datasets show {dataset}` shows the latest version",
    "TRAINING_JOB_NOT_FOUND": "`modelyard jobs list` shows what there is",
    "MODEL_LOADING": _REPEAT,
    "SERVER_DRAINING": _REPEAT,
    # The message says to try again.
    "DATABASE_UNAVAILABLE": "",
}
_HINTS_BY_CODE = {
    grpc.StatusCode.UNAVAILABLE: _NO_SERVER,
    grpc.StatusCode.DEADLINE_EXCEEDED: "the server at {server} is slow, or busy; try again",
    grpc.StatusCode.ABORTED: "somebody else changed it just now; look again, then repeat",
}


def explain(error: ModelyardError, server: str) -> str:
    """Tell what is wrong; where gRPC itself failed, in plain words."""
    if error.code is not grpc.StatusCode.UNAVAILABLE or error.reason:
        return str(error)
    # These are gRPC's own texts: it has no code of its own for either.
    if "resol" in error.message or "lookup" in error.message:
        return f"no server answers at {server}: its name leads to no address"
    if error.message.startswith("failed to connect"):
        return f"no server answers at {server}"
    return str(error)


def advise(error: ModelyardError, server: str) -> str:
    """Tell what to do next; empty if there is nothing to tell."""
    hint = _HINTS_BY_REASON.get(error.reason, _HINTS_BY_CODE.get(error.code, ""))
    return hint.format(
        server=server,
        model=error.metadata.get("model", "MODEL"),
        dataset=error.metadata.get("dataset", "NAME"),
    )
