"""`kuzushiji export`."""

from pathlib import Path
from typing import Literal

from kuzushiji.cli.console import notes, print_json, results
from kuzushiji.errors import UsageError
from kuzushiji.runs.detector import DetectorRun


def export(
    run: str,
    /,
    *,
    output: Path | None = None,
    precision: Literal["float32", "float16", "int8"] = "float32",
    credit: tuple[str, ...] = (),
    note: str = "",
    found_above: float | None = None,
    json: bool = False,
) -> None:
    """Write a network, or a detector, as one ONNX file, which reads without PyTorch, and its card.

    The file holds the classes, the temperature and all else that `kuzushiji recognize` needs.  It is kept only if ONNX
    Runtime computes from it what the network does.

    Example: kuzushiji export RUN --output kana.onnx --precision float16

    Parameters
    ----------
    run
        Name or path of a finished run.
    output
        The file to write, ending in .onnx; its card ends in .md.  In the run folder if not given.
    precision
        How the weights are stored: float16 halves the file, int8 quarters it.  They are kept only if that costs less
        than 0.1 points of accuracy on the validation images, which must be at hand.
    credit
        A dataset that your own images were made from, such as kmnist: its licence goes with the file.  May be given
        several times.
    note
        What the card says of your own images besides: whose they are, how they were made, what is allowed with them.
    found_above
        Of a detector: a character stands where its map has more than this, 0.35 if not given.
    json
        Print what was written as JSON.
    """
    from kuzushiji.export.run import export_run
    from kuzushiji.report.card import write_card
    from kuzushiji.runs.run import existing_path, find_run

    detector = DetectorRun(existing_path(run))
    if detector.config_file.is_file():
        _export_detector(detector, output, precision, found_above, credit, json)
        return
    if found_above is not None:
        raise UsageError("--found-above is for detectors alone")
    written = export_run(find_run(run), output, precision=precision, credit=credit, note=note)
    card = write_card(written)
    about = written.description
    if json:
        print_json(
            {
                "file": str(written.path),
                "card": str(card),
                "bytes": written.bytes,
                "classes": len(about.classes),
                "precision": precision,
                "accuracy_lost": written.lost,
                "temperature": about.temperature,
                "unsure_below": about.unsure_below,
            }
        )
        return
    results.print(f"{written.path}  {written.bytes / 1e6:.2f} MB", markup=False, soft_wrap=True)
    results.print(str(card), markup=False, soft_wrap=True)
    notes.print(f"{len(about.classes):,} classes; unsure below {about.unsure_below:.2%}")
    if written.lost is not None:
        change = "costs" if written.lost >= 0 else "gains"
        notes.print(
            f"{precision} {change} {100 * abs(written.lost):.2f} points of accuracy on {written.validated_on:,} "
            "validation images"
        )
    if not about.attribution:
        notes.print("no licence is known of its data; --credit NAME names a catalogued dataset that it was made from")


def _export_detector(
    run: DetectorRun,
    output: Path | None,
    precision: str,
    found_above: float | None,
    credit: tuple[str, ...],
    json: bool,
) -> None:
    from kuzushiji.export.detector import FOUND_ABOVE, export_detector
    from kuzushiji.report.detector_card import write_detector_card

    above = FOUND_ABOVE if found_above is None else found_above
    written = export_detector(run, output, precision=precision, found_above=above, credit=credit)
    card = write_detector_card(written)
    if json:
        print_json(
            {
                "file": str(written.path),
                "card": str(card),
                "bytes": written.bytes,
                "precision": precision,
                "found_above": above,
                "differs": written.differs,
            }
        )
        return
    results.print(f"{written.path}  {written.bytes / 1e6:.2f} MB", markup=False, soft_wrap=True)
    results.print(str(card), markup=False, soft_wrap=True)
    if not written.description.attribution:
        notes.print("no licence is known of its data; --credit NAME names a catalogued dataset that it was made from")
