"""The card of an exported detector: what it is, what it learnt from, and what it is not good for."""

from pathlib import Path

from kuzushiji.export.detector import ExportedDetector, commands_of_detector
from kuzushiji.files import write_text
from kuzushiji.numbers import megabytes, percent
from kuzushiji.report.document import Block, Code, Commands, Document, Link, Paragraph, Points, Quote, Section
from kuzushiji.report.markdown import as_markdown


def write_detector_card(exported: ExportedDetector) -> Path:
    """Writes the card of an exported detector as Markdown beside its file.

    Returns:
        Where it was written.

    Raises:
        KuzushijiError: the file could not be written.
    """
    path = exported.path.with_suffix(".md")
    write_text(path, as_markdown(detector_card(exported)))
    return path


def detector_card(exported: ExportedDetector) -> Document:
    """Everything that is to be read, in order."""
    about, config = exported.description, exported.config
    versions = ", ".join(f"{name} {version}" for name, version in (config.versions or {}).items())
    made = f"Seed {config.recipe.seed}; {versions}; on {config.machine}; {config.created[:10]}."
    return Document(
        title=exported.path.stem,
        lead=(
            Paragraph(
                (
                    f"Finds the characters on a page. A convolutional network with {config.parameters:,} parameters, "
                    f"stored in {about.precision}, computed with in single precision; {megabytes(exported.bytes)} of "
                    "ONNX. ",
                    Code("images"),
                    " (batch, 1, height, width), float32 from 0 to 1, ink bright on black, both sides multiples of "
                    f"32, characters of about {about.character_size} pixels, give ",
                    Code("heat"),
                    f" (batch, {len(about.roles)}, height / 4, width / 4), how likely the centre of a character lies "
                    f"in a cell, one map each for {' and '.join(about.roles)}, and ",
                    Code("boxes"),
                    " (batch, 4, height / 4, width / 4): how far the centre lies to the right of and below the middle "
                    "of the cell, and the logarithms of width and height, all in cells. A character stands where a "
                    f"cell has more than {percent(about.found_above, 0)}, and no neighbour has more.",
                )
            ),
            Commands((f'kuzushiji.Reader(detector="{exported.path.name}")("page.jpg").text',), "python"),
        ),
        sections=(
            Section("data", "Data", tuple(_data(exported))),
            Section(
                "limits",
                "What it is not good for",
                (
                    Points(
                        (
                            "It learnt from few real pages, books and manuscripts of old Japan, and from drawn ones. "
                            "On other hands and times, and on photographs, it will be worse.",
                            "Seals, figures and what lies on a page may be taken for characters. On real pages nobody "
                            "boxed the ruby: it knows it from drawn pages alone.",
                            "It does not know the size of the writing: whoever shows it a page brings characters to "
                            f"about {about.character_size} pixels first.",
                        )
                    ),
                ),
            ),
            Section("made", "Made by", (Commands(tuple(commands_of_detector(config))), Paragraph(made))),
            Section("licence", "Licence", tuple(_licence(exported))),
        ),
    )


def _data(exported: ExportedDetector) -> list[Block]:
    config = exported.config
    names = [*config.pages, config.layouts, *config.glyphs, *config.papers, config.regions]
    books = f"Pages of {len(config.books)} books trained it: {', '.join(config.books)}." if config.books else ""
    held_out = f" Those of {', '.join(config.books_held_out)} did not." if config.books_held_out else ""
    share = f"{percent(config.drawn, 0)} of the crops are of pages that a program drew."
    blocks: list[Block] = [Paragraph(f"{', '.join(Path(name).name for name in names if name)}. {share}")]
    if books or held_out:
        blocks.append(Paragraph((books + held_out).strip()))
    blocks += [
        Paragraph((f"{source.title}: {source.description} ", Link(source.homepage, source.homepage)))
        for source in exported.sources
    ]
    return blocks


def _licence(exported: ExportedDetector) -> list[Block]:
    about = exported.description
    if not exported.sources:
        return [Paragraph("The licence of what it learnt from is that of its makers; nothing is known of it here.")]
    named = Link(about.licence, about.licence_url) if about.licence_url else about.licence
    text = "The images that it learnt from are under ", named, ", and so is this file. Who passes it on says:"
    return [Paragraph(text), Quote(tuple(about.attribution.split("; and ")))]
