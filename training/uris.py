"""Addresses of tables that the server may fetch, and the prefixes that allow them."""

from urllib.parse import unquote, urlsplit

from registry.errors import FieldInvalid

SCHEMES = ("file", "s3", "gs")
_LONGEST_URI = 2000


def split_uri(uri: str) -> tuple[str, str]:
    """Return the scheme and the path of an address.

    Raises:
        FieldInvalid: It has no legal form.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    path = unquote(parts.path)
    legal = (
        parts.scheme in SCHEMES
        and len(uri) <= _LONGEST_URI
        and path.startswith("/")
        and bool(parts.netloc) is (parts.scheme != "file")
        and not (parts.query or parts.fragment or "@" in parts.netloc)
        and not any(segment in (".", "..") for segment in path.split("/"))
        and path.isprintable()
    )
    if not legal:
        raise FieldInvalid(
            "uri must be file:///PATH, s3://BUCKET/KEY or gs://BUCKET/KEY, without `..`, query"
            " or fragment",
            field="uri",
        )
    return parts.scheme, path


def is_below(uri: str, prefix: str) -> bool:
    """Tell whether an address of an object lies in the folder that a prefix names."""
    ours, theirs = urlsplit(uri), urlsplit(prefix)
    same_place = (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)
    folder = unquote(theirs.path).rstrip("/") + "/"
    return same_place and unquote(ours.path).startswith(folder)


def check_prefixes(prefixes: str) -> str:
    """Return prefixes separated by spaces, if they are that.

    Raises:
        ValueError: One has no legal form.
    """
    for prefix in prefixes.split():
        try:
            split_uri(prefix)
        except FieldInvalid as error:
            raise ValueError(f"{prefix!r} is no prefix: {error.message}") from None
    return prefixes
