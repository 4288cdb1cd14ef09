"""A page of results as Markdown: a section for each data set, written, read back, and brought together with another."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from kuzushiji.errors import DataError

NAMING = ("network", "recipe", "by")  # columns that say which row it is; the others are figures
ABOUT = (
    "Written by `kuzushiji results` from run folders. The test set was used once, at the end of each training; "
    "whatever was chosen was chosen on validation images. One run is given with its 95 % bootstrap interval over "
    "the test images, several with mean ± standard deviation over the seeds. Seconds are those of the training "
    "with its validation."
)
TRAINED = " Trained on "


@dataclass(frozen=True)
class Table:
    """A table of figures.

    Attributes:
        about: the paragraph above it; tables of two pages are the same if this is. Empty for the first of a section.
        columns: those of `NAMING` that tell its rows apart, then the figures.
        rows: as many cells each.
    """

    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> list[str]:
        """The paragraph and the table, line by line."""
        rule = ["---" if column in NAMING else "---:" for column in self.columns]
        table = ["| " + " | ".join(row) + " |" for row in (self.columns, rule, *self.rows)]
        return [self.about, "", *table] if self.about else table

    def name(self, row: tuple[str, ...]) -> tuple[str, ...]:
        """What a row is called."""
        return tuple(cell for column, cell in zip(self.columns, row, strict=True) if column in NAMING)

    def updated(self, newer: "Table") -> "Table":
        """With the rows of a newer table, which replace those of the same name; a dash where a figure is missing."""
        columns = _in_order(dict.fromkeys([*newer.columns, *self.columns]))
        replaced = {newer.name(row) for row in newer.rows}
        kept = replace(self, rows=tuple(row for row in self.rows if self.name(row) not in replaced))
        cells = [dict(zip(table.columns, row, strict=True)) for table in (kept, newer) for row in table.rows]
        rows = tuple(tuple(row.get(column, "–") for column in columns) for row in cells)
        return Table(self.about, columns, rows)


@dataclass(frozen=True)
class Section:
    """What runs on one data set gave.

    Attributes:
        data: the data set.
        tested: a sentence about its test images.
        machines: those that the runs were trained on.
        tables: the first has the accuracies.
        commands: which make the runs again.
    """

    data: str
    tested: str
    machines: tuple[str, ...]
    tables: tuple[Table, ...]
    commands: tuple[str, ...]

    def markdown(self) -> str:
        """The section with its heading; every table has the best accuracy first."""
        ranked = sorted(self.accuracies().items(), key=lambda item: -item[1])
        rank = {name: number for number, (name, _) in enumerate(ranked)}
        lines = [f"## {self.data}", "", f"{self.tested}{TRAINED}{'; '.join(self.machines)}."]
        for table in self.tables:
            rows = tuple(sorted(table.rows, key=lambda row: rank.get(row[:2], len(rank))))
            lines += ["", *replace(table, rows=rows).markdown()]
        return "\n".join([*lines, "", "Made by:", "", "```", *self.commands, "```"])

    def accuracies(self) -> dict[tuple[str, ...], float]:
        """The accuracy, %, by network and recipe."""
        place = self.tables[0].columns.index("accuracy %")
        return {row[:2]: float(row[place].split()[0]) for row in self.tables[0].rows}

    def updated(self, newer: "Section") -> "Section":
        """With what a newer section of the same data set has.

        Raises:
            DataError: they are of different test images, whose figures are not to be compared.
        """
        if self.tested != newer.tested:
            raise DataError(
                f"the page's results on {self.data} are of {self.tested.removesuffix('.')}, those of these runs of "
                f"{newer.tested.removesuffix('.')}: figures of different images do not belong in one table; "
                "write them to another page"
            )
        tables = {table.about: table for table in self.tables}
        for table in newer.tables:
            tables[table.about] = tables[table.about].updated(table) if table.about in tables else table
        return Section(
            self.data,
            self.tested,
            tuple(sorted({*self.machines, *newer.machines})),
            tuple(tables.values()),
            tuple(dict.fromkeys([*newer.commands, *self.commands])),
        )


def write_page(title: str, sections: Iterable[Section], earlier: str = "") -> str:
    """The page.

    Args:
        title: its heading.
        sections: of runs, one for each data set.
        earlier: a page that was written before.  Its rows are kept unless there are newer ones of the same name, and
            so is, at the end, what is not of `kuzushiji results`.

    Raises:
        DataError: the earlier page can't be read, or is of other test images.
    """
    found, others = _read_page(earlier)
    for section in sections:
        found[section.data] = found[section.data].updated(section) if section.data in found else section
    parts = [f"# {title}", ABOUT, *(found[name].markdown() for name in sorted(found)), *others]
    return "\n\n".join(parts) + "\n"


def _read_page(page: str) -> tuple[dict[str, Section], list[str]]:
    """The sections of results by data set, and the others as they stand."""
    sections, others = {}, []
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        name = part.splitlines()[0]
        if not re.search(rf"^[\d,]+ test images of .*{TRAINED}", part, re.MULTILINE):
            others.append(f"## {part.strip()}")
            continue
        try:
            sections[name] = _read_section(name, part)
        except (ValueError, IndexError) as error:
            raise DataError(
                f"the page's section on {name} is not as `kuzushiji results` writes it, a line on the test images and "
                "machines, tables of as many cells a row, the commands: mend or delete it, or write to another page"
            ) from error
    return sections, others


def _read_section(data: str, text: str) -> Section:
    """The section of a data set.

    Raises:
        ValueError, IndexError: it has another form than `Section.markdown` gives it.
    """
    before, after = text.split("\nMade by:\n")
    _, described, *blocks = before.strip().split("\n\n")
    tested, machines = described.removesuffix(".").split(TRAINED)
    tables, about = [], ""
    for block in blocks:
        if block.startswith("|"):
            tables.append(_read_table(about, block))
            about = ""
        else:
            about = block
    commands = after.split("```")[1].strip().splitlines()
    section = Section(data, tested, tuple(machines.split("; ")), tuple(tables), tuple(commands))
    section.accuracies()
    return section


def _read_table(about: str, block: str) -> Table:
    columns, _, *rows = (
        tuple(cell.strip() for cell in line.strip().strip("|").split("|")) for line in block.splitlines()
    )
    for row in rows:
        if len(row) != len(columns):
            raise ValueError("a row has more or fewer cells than its table has columns")
    return Table(about, columns, tuple(rows))


def _in_order(columns: Iterable[str]) -> tuple[str, ...]:
    """The columns as they come, those that begin with a number (`10 to 99`) by that."""

    def number(column: str) -> int:
        found = re.match(r"[\d,]+", column)
        return int(found[0].replace(",", "")) if found else -1

    return tuple(sorted(columns, key=number))
