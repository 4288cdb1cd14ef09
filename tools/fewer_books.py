"""Writes pages of some of the books in folders of boxed pages as a folder of its own, to train on these alone.

    python tools/fewer_books.py not1 --of pages/books pages/labelled --without 1of3
    python tools/fewer_books.py few1 --of pages/books pages/labelled --without 1of3 --books 3

The books of all folders together are dealt to folds as `measure_reading.py` deals them; the first `--books` of those
that are not in the fold are taken.  Writes `DESTINATION/train.csv` in Kaggle's layout, and `train_images`, links to the
images.
"""

import argparse
import csv
import sys
from pathlib import Path

from kuzushiji.data.pages.characters import folds, parse_fold
from kuzushiji.data.pages.tables import list_pages
from kuzushiji.files import folder_written_whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("destination", type=Path, help="a folder that is not there yet")
    parser.add_argument("--of", nargs="+", type=Path, required=True, help="folders with train.csv and train_images")
    parser.add_argument("--without", required=True, metavar="KofN", help="the fold whose books are left out")
    parser.add_argument("--books", type=int, help="how many of the other books; all if not given")
    options = parser.parse_args()
    if options.destination.exists():
        sys.exit(f"{options.destination} exists; name a folder that is not there yet")
    asked = parse_fold(options.without)
    if asked is None:
        parser.error(f"--without names a fold such as 1of3, found {options.without}")
    fold, count = asked
    book = {page.name: page.book for folder in options.of for page in list_pages(folder).pages if page.image}
    others = [each for each, its in folds(book.values(), count).items() if its != fold]
    taken = set(others[: options.books])
    with folder_written_whole(options.destination) as beside:
        (beside / "train_images").mkdir(parents=True)
        with (beside / "train.csv").open("w", encoding="utf-8", newline="") as table:
            writer = csv.writer(table)
            writer.writerow(("image_id", "labels"))
            for folder in options.of:
                for row in csv.DictReader((folder / "train.csv").open(encoding="utf-8", newline="")):
                    if book.get(row["image_id"]) in taken:
                        writer.writerow((row["image_id"], row["labels"]))
                        image = folder.resolve() / "train_images" / f"{row['image_id']}.jpg"
                        (beside / "train_images" / image.name).symlink_to(image)
    pages = sum(its in taken for its in book.values())
    print(f"{pages} pages of {len(taken)} books in {options.destination}: {', '.join(sorted(taken))}")


if __name__ == "__main__":
    main()
