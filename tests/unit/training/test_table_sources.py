"""Where tables may be fetched from, and what comes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from registry.errors import FieldInvalid
from training.errors import ImportFailed, ImportNotAllowed
from training.table_sources import TableSources
from training.uris import check_prefixes

CONTENT = b"a,b\n1,2\n"


async def fetch(sources: TableSources, uri: str) -> bytes:
    return b"".join([chunk async for chunk in sources.open(uri)])


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    folder = tmp_path / "tables"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a b.csv").write_bytes(CONTENT)
    (tmp_path / "secret.csv").write_bytes(b"secret\n1\n")
    (tmp_path / "tables-of-others").mkdir()
    (tmp_path / "tables-of-others" / "t.csv").write_bytes(b"secret\n1\n")
    (folder / "out").symlink_to(tmp_path / "secret.csv")
    (folder / "up").symlink_to(tmp_path)
    (folder / "in").symlink_to(folder / "deep" / "a b.csv")
    return folder


async def test_files_below_a_prefix_are_fetched(tables: Path) -> None:
    sources = TableSources((tables.as_uri(),))
    for name in ("deep/a%20b.csv", "in"):
        assert await fetch(sources, f"{tables.as_uri()}/{name}") == CONTENT


@pytest.mark.parametrize(
    "name",
    ["out", "up/secret.csv", "up/tables-of-others/t.csv", "../secret.csv", "%2e%2e/secret.csv"],
)
async def test_nothing_outside_of_the_prefix_is_fetched(tables: Path, name: str) -> None:
    sources = TableSources((f"{tables.as_uri()}/",))
    with pytest.raises((ImportNotAllowed, FieldInvalid)) as caught:
        await fetch(sources, f"{tables.as_uri()}/{name}")
    assert str(tables.parent) not in caught.value.message


async def test_a_name_that_begins_like_the_prefix_is_not_below_it(tables: Path) -> None:
    sources = TableSources((tables.as_uri(), "s3://bucket/tables"))
    for uri in (
        f"{tables.parent.as_uri()}/tables-of-others/t.csv",
        "s3://bucket/tables-of-others/t.csv",
        "s3://bucket2/tables/t.csv",
        "gs://bucket/tables/t.csv",
        "file:///etc/passwd",
    ):
        with pytest.raises(ImportNotAllowed):
            await fetch(sources, uri)


async def test_without_prefixes_nothing_is_fetched(tables: Path) -> None:
    with pytest.raises(ImportNotAllowed):
        await fetch(TableSources(()), f"{tables.as_uri()}/in")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/etc/passwd",
        "http://127.0.0.1/x",
        "file://host/x",
        "file:relative",
        "s3:///x",
        "s3://key:secret@bucket/x",
        "s3://bucket/a?x=1",
        "s3://bucket/a#b",
        "s3://bucket/a/../b",
        "s3://bucket/a%2f..%2fb",
        "s3://bucket/%00",
        "s3://[bucket/x",
    ],
)
async def test_what_is_no_address_of_a_table_is_refused(uri: str) -> None:
    with pytest.raises(FieldInvalid):
        await fetch(TableSources(("s3://bucket/",)), uri)
    with pytest.raises(ValueError, match="is no prefix"):
        check_prefixes(uri or "x")


async def test_what_is_not_there_is_told_without_paths(tables: Path) -> None:
    sources = TableSources((tables.as_uri(),))
    for name in ("nothing.csv", "deep"):
        with pytest.raises(ImportFailed, match="there is no such file") as caught:
            await fetch(sources, f"{tables.as_uri()}/{name}")
        assert str(tables) not in caught.value.message


class Bucket(BaseHTTPRequestHandler):
    """Answers as S3 does, for one object."""

    def do_GET(self) -> None:
        """Send the object, or that there is none."""
        found = self.path == "/bucket/tables/a.csv"
        self.send_response(200 if found else 404)
        content = CONTENT if found else b"<Error><Code>NoSuchKey</Code></Error>"
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", "Wed, 25 Nov 2026 00:00:00 GMT")
        self.send_header("ETag", '"1"')
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as the library calls it
        """Say nothing."""


@contextmanager
def bucket() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_objects_are_fetched_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket() as address:
        for name, value in {
            "AWS_ENDPOINT_URL": address,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "eu",
        }.items():
            monkeypatch.setenv(name, value)
        sources = TableSources(("s3://bucket/tables/",))
        assert await fetch(sources, "s3://bucket/tables/a.csv") == CONTENT
        with pytest.raises(ImportFailed, match="there is no such file"):
            await fetch(sources, "s3://bucket/tables/b.csv")
