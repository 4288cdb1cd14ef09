"""Pages from wherever they are kept: tables of boxes, or files of pages in any format."""

from pathlib import Path

from kuzushiji.data.files.listing import unreadable
from kuzushiji.data.pages.tables import LAYOUTS, holds_pages, list_pages
from kuzushiji.document.formats import FORMATS
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError


def load_pages(source: Path) -> dict[str, Page]:
    """The pages of a source by the names of their images, without folders and endings.

    Args:
        source: boxes in a folder or a zip as `list_pages` reads them; a file of a page; a folder of such files, also in
            folders in it.  Where a page is there in several formats, that of the format that holds most counts: JSON
            before the others.

    Raises:
        DataError: there is nothing of that kind, a file is damaged, or pages in two folders have one name.
    """
    if holds_pages(source):
        return {page.name: page.truth for page in list_pages(source).pages}
    suffixes = tuple(format.suffix for format in FORMATS.values() if format.read)
    try:
        paths = sorted(source.rglob("*")) if source.is_dir() else [source]
    except OSError as error:
        raise unreadable(source, error) from None
    pages: dict[str, Page] = {}
    folders: dict[str, Path] = {}
    for path in sorted(paths, key=lambda path: path.suffix != ".json" or path.name.endswith(".iiif.json")):
        if path == source or path.name.lower().endswith(suffixes):
            page = Page.load(path)
            name = page.image.stem
            if folders.setdefault(name, path.parent) != path.parent:
                raise DataError(f"a page {name} is in {folders[name]} and in {path.parent}; name one of these folders")
            pages.setdefault(name, page)
    if not pages:
        raise DataError(f"{source} holds no pages; expected {LAYOUTS}, or files of pages ({', '.join(FORMATS)})")
    return pages
