"""Repositories of models and data on the Hugging Face hub, or on a server like it (HF_ENDPOINT).

    hf:OWNER/NAME             the newest revision
    hf:OWNER/NAME@REVISION    a branch, a tag or the hash of a commit

What was fetched stays in `cache/hub` under `KUZUSHIJI_HOME`, laid out as Hugging Face's tools do it.  It is used as it
is where the revision is a hash, where the server can't be reached, and where HF_HUB_OFFLINE is set.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from kuzushiji.errors import DataError, DownloadError, KuzushijiError, UsageError, in_a_line
from kuzushiji.extras import check_extras
from kuzushiji.home import cache_folder
from kuzushiji.version import __version__

PREFIX = "hf:"

Kind = Literal["model", "dataset"]

_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[\w][\w./-]*", re.ASCII)
_COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Repository:
    """A repository at one of its revisions.

    Attributes:
        kind: what it holds.
        name: `OWNER/NAME`.
        revision: a branch, a tag or the hash of a commit; empty for the newest.
    """

    kind: Kind
    name: str
    revision: str = ""

    @property
    def address(self) -> str:
        """What it is named by: `hf:OWNER/NAME@REVISION`."""
        return f"{PREFIX}{self.name}" + (f"@{self.revision}" if self.revision else "")

    @property
    def url(self) -> str:
        """Its page."""
        return f"{endpoint()}/{'datasets/' if self.kind == 'dataset' else ''}{self.name}"

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return _COMMIT.fullmatch(self.revision) is not None

    def pinned(self) -> "Repository":
        """The same at the commit that the revision is now; its card has been fetched.

        Raises:
            DownloadError: as in `fetched`.
        """
        return self if self.is_pinned else replace(self, revision=self.fetched("README.md").name)

    def fetched(self, *patterns: str) -> Path:
        """A folder with those of its files whose paths match one of these shell patterns; it is named by the commit.

        Raises:
            KuzushijiError: the extra `hub` is not installed.
            DownloadError: there is no such repository or revision, it may not be read, or the server can't be reached
                and the files are not here.
        """
        check_extras("hub")
        from huggingface_hub import snapshot_download

        with _told(self):
            return Path(
                snapshot_download(
                    self.name,
                    repo_type=self.kind,
                    revision=self.revision or None,
                    cache_dir=cache_folder() / "hub",
                    allow_patterns=list(patterns),
                    local_files_only=is_offline(),
                    tqdm_class=_bar(),
                    **_asked_by(),
                )
            )

    def file(self, name: str, what: str) -> Path:
        """One of its files.

        Args:
            what: what it is expected to be, for the message if it is not there.

        Raises:
            KuzushijiError: as in `fetched`.
            DataError: the repository has no such file.
        """
        path = self.fetched(name) / name
        if not path.is_file():
            raise DataError(f"{self.address} has no {name}; expected {what}")
        return path

    def push(
        self, files: Mapping[str, Path | bytes], message: str, *, private: bool = False, instead_of: str = ""
    ) -> "Repository":
        """Adds files in one commit, and makes the repository if there is none.

        Args:
            files: path in the repository -> the file, or what it holds.
            message: of the commit.
            private: whether only its owner sees a repository that is made.
            instead_of: a shell pattern; files there whose paths match it, and that are not among these, are removed.

        Returns:
            It, at the commit.

        Raises:
            KuzushijiError: nobody is logged in, or who is may not write there, or the server can't be reached.
        """
        check_extras("hub")
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

        if is_offline():
            raise KuzushijiError("HF_HUB_OFFLINE is set, and nothing can be pushed; unset it and try again")
        with _told(self, writing=True), _bars_on_terminals():
            api = HfApi(**_asked_by())
            api.create_repo(self.name, repo_type=self.kind, private=private, exist_ok=True)
            where: dict[str, Any] = {"repo_type": self.kind, "revision": self.revision or None}
            there = api.list_repo_files(self.name, **where) if instead_of else []
            changes: list[Any] = [
                CommitOperationAdd(path, content if isinstance(content, bytes) else str(content))
                for path, content in files.items()
            ]
            changes += [
                CommitOperationDelete(path) for path in there if fnmatchcase(path, instead_of) and path not in files
            ]
            commit = api.create_commit(self.name, changes, commit_message=message, **where)
        return replace(self, revision=commit.oid)


def repository(text: str | Path, kind: Kind = "model") -> Repository | None:
    """The repository that a name stands for; None if it does not begin with `hf:`.

    Raises:
        UsageError: it does, and is no name of a repository.

    Example:
        >>> repository("hf:owner/name@v1")
        Repository(kind='model', name='owner/name', revision='v1')
    """
    text = str(text)
    if not text.startswith(PREFIX):
        return None
    name, at, revision = text.removeprefix(PREFIX).partition("@")
    if not _NAME.fullmatch(name) or ".." in text or "--" in name or (at and not _REVISION.fullmatch(revision)):
        raise UsageError(f"{text!r} names no repository; expected hf:OWNER/NAME or hf:OWNER/NAME@REVISION")
    return Repository(kind, name, revision)


def pinned(text: str | Path) -> str:
    """The name of a model with the commit that is meant now, if it is one of a repository; any other name as it is.

    Raises:
        UsageError, DownloadError: as in `repository` and `Repository.fetched`.
    """
    found = repository(text)
    return str(text) if found is None else found.pinned().address


def endpoint() -> str:
    """The server."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"


def is_offline() -> bool:
    """Whether nobody is to be asked."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def _asked_by() -> dict[str, Any]:
    return {"endpoint": endpoint(), "library_name": "kuzushiji", "library_version": __version__}


def _bar() -> Any:
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        """Shown on a terminal alone."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "disable": not sys.stderr.isatty()})

    return Bar


@contextmanager
def _bars_on_terminals() -> Iterator[None]:
    """Elsewhere the bars of an upload, which have no name in common, are left out."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


@contextmanager
def _told(of: Repository, *, writing: bool = False) -> Iterator[None]:
    """Says in a line what went wrong, and what to do."""
    from huggingface_hub import errors

    login = "log in with `hf auth login`, or set HF_TOKEN"
    try:
        yield
    except errors.LocalTokenNotFoundError:
        raise KuzushijiError(f"nobody is logged in to {endpoint()}; {login}") from None
    except errors.GatedRepoError:
        raise DownloadError(f"{of.address} asks for a consent first: give it at {of.url}, and {login}") from None
    except errors.RevisionNotFoundError:
        raise DownloadError(f"{of.name} has no revision {of.revision!r}; {of.url} lists those that it has") from None
    except errors.RepositoryNotFoundError as error:
        if writing and error.response.status_code == 401:
            raise KuzushijiError(f"{endpoint()} does not know who pushes; {login}") from None
        raise DownloadError(
            f"there is no {of.kind} {of.name} on {endpoint()}, or it is private; look at the name, or {login}"
        ) from None
    except errors.HfHubHTTPError as error:
        raise _refused(of, error, login, writing) from None
    except errors.LocalEntryNotFoundError as error:
        cause = error.__cause__
        if isinstance(cause, errors.HfHubHTTPError):
            raise _refused(of, cause, login, writing) from None
        why = "HF_HUB_OFFLINE is set" if is_offline() else f"{endpoint()} can't be reached"
        raise DownloadError(f"{of.address} is not here, or not whole, and {why}; connect once, and try again") from None
    except (KuzushijiError, KeyboardInterrupt):
        raise
    except OSError as error:
        if not error.filename:
            raise _no_answer(of, error) from None
        raise KuzushijiError(
            f"{error.filename} can't be written or read ({error.strerror}); make room, or set KUZUSHIJI_HOME to a "
            "folder that can"
        ) from None
    except Exception as error:  # of the connection, in kinds of its own; of a server that says what none should
        raise _no_answer(of, error) from None


def _no_answer(of: Repository, error: Exception) -> DownloadError:
    cause = error.__cause__ or error
    what = in_a_line(f"{type(cause).__name__}: {cause}")
    answered = "can't be reached" if _is_of_the_line(error) else f"did not answer as expected about {of.address}"
    return DownloadError(f"{endpoint()} {answered} ({what})")


def _is_of_the_line(error: BaseException) -> bool:
    """Whether no answer came at all; httpx has had two names, and its errors one."""
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)


def _refused(of: Repository, error: Any, login: str, writing: bool) -> KuzushijiError:
    status = error.response.status_code
    if status == 401:
        return KuzushijiError(f"{endpoint()} does not know who asks; {login}")
    if status == 403:
        right = f"write to {of.name}; take a token that may, or another OWNER"
        right = right if writing else f"read {of.name}; {login}"
        return KuzushijiError(f"{endpoint()} does not let you {right}")
    said = f" ({in_a_line(error.server_message)})" if error.server_message else ""
    return DownloadError(f"{endpoint()} answered {status} about {of.address}{said}")
