"""Models and data to a repository, with a card that its site can read, and models back: `kuzushiji hub`."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from kuzushiji.data.catalogue.sets import dataset
from kuzushiji.data.convert import Tell, characters_of, counted
from kuzushiji.data.files.parquet_writing import write_parquet
from kuzushiji.data.on_hub import on_hub
from kuzushiji.data.source import Source, parse, published_in
from kuzushiji.errors import DataError, UsageError
from kuzushiji.exported import Description, DetectorDescription, open_detector, open_network
from kuzushiji.extras import check_extras
from kuzushiji.files import expanded
from kuzushiji.reading.pretrained import find_network, pretrained
from kuzushiji.report.dataset_card import DatasetFacts, dataset_card
from kuzushiji.report.markdown import as_markdown
from kuzushiji.repository import Kind, Repository, repository
from kuzushiji.runs.detector import DetectorRun
from kuzushiji.runs.pulled import CONFIGS, FILES, pulled_run
from kuzushiji.runs.run import Run, existing_path, find_run

EXPORTED = ("model.onnx", "detector.onnx")
"""What an exported network is called in a repository, by its kind."""

_LICENCES = ("mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-sa-3.0", "apache-2.0")
"""Those that the hub knows, by the names that it has for them."""


@dataclass(frozen=True)
class Model:
    """What is to be pushed.

    Attributes:
        description: what the exported file says of itself.
        card: of the exported file, in Markdown; empty if none lies beside it.
        files: path in the repository -> the file.
        measured: what was measured of it on test images, from 0 to 1, by the names that the hub has for it.
    """

    description: Description | DetectorDescription
    card: str
    files: Mapping[str, Path]
    measured: Mapping[str, float]


def push(
    model: str | Path | Run, name: str, *, private: bool = False, credit: Sequence[str] = (), note: str = ""
) -> Repository:
    """Puts a run, or an exported network, into a repository, which is made if there is none.

    Of a run go there what `kuzushiji export` writes of it, which is done if it has not been, its weights and
    configuration, what it was measured on, and its report.

    Args:
        model: a finished run, of characters or of a detector; a network that ships; or an exported file.
        name: `OWNER/NAME`, or `hf:OWNER/NAME@BRANCH` for a branch that is there.
        private: whether only its owner sees a repository that is made.
        credit, note: as in `export_run`, where the run has not been exported.

    Returns:
        The repository at the commit.

    Raises:
        UsageError: a name is wrong.
        RunError: the run is not finished.
        KuzushijiError: nobody is logged in, or who is may not write there, or the server can't be reached.
    """
    check_extras("hub")
    target = repository_named(name)
    what = model_of(model, credit=credit, note=note)
    files: dict[str, Path | bytes] = {"README.md": readme(what, target.name).encode(), **what.files}
    return target.push(files, f"{what.description.network}, by kuzushiji {what.description.version}", private=private)


@dataclass(frozen=True)
class Pulled:
    """What was fetched.

    Attributes:
        repository: at its commit.
        path: the run folder, or the exported file.
        use: a command that takes it.
    """

    repository: Repository
    path: Path
    use: str


def pull(name: str) -> Pulled:
    """Fetches the run or the exported network that a repository holds.

    Args:
        name: `OWNER/NAME` or `OWNER/NAME@REVISION`, with `hf:` before it or without.

    Raises:
        UsageError: the name is wrong.
        DownloadError: as in `Repository.fetched`.
        DataError: what it holds is not of kuzushiji.
    """
    found = repository_named(name).pinned()
    folder = found.fetched(*CONFIGS, *EXPORTED)
    exported = next((name for name in EXPORTED if (folder / name).is_file()), "")
    if exported:
        _described(folder / exported)  # which refuses what is not ours
    path: Path
    if any((folder / config).is_file() for config in CONFIGS):
        path = pulled_run(found)
    elif exported:
        path = folder / exported
    else:
        raise DataError(
            f"{found.address} holds neither a run nor a network of kuzushiji; {found.url} shows what it does"
        )
    use = "read page.jpg --detector" if exported == "detector.onnx" else "recognize character.png --model"
    return Pulled(found, path, f"kuzushiji {use} {found.address}")


def repository_named(name: str, kind: Kind = "model") -> Repository:
    """The repository with this name, with `hf:` before it or without.

    Raises:
        UsageError: it is none.
    """
    found = repository(name if name.startswith("hf:") else f"hf:{name}", kind)
    assert found is not None
    return found


def model_of(model: str | Path | Run, *, credit: Sequence[str] = (), note: str = "") -> Model:
    """What there is to push of a model; see `push`."""
    if isinstance(model, Run):
        return _of_run(model, credit, note)
    if str(model) in pretrained() or str(model).endswith(".onnx"):
        return _of_file(find_network(model) if str(model) in pretrained() else expanded(model))
    detector = DetectorRun(existing_path(model))
    return _of_run(detector if detector.config_file.is_file() else find_run(model), credit, note)


def _of_file(path: Path) -> Model:
    described, name = _described(path)
    beside = path.with_suffix(".md")
    card = beside.read_text(encoding="utf-8") if beside.is_file() else ""
    measured = {}
    if isinstance(described, Description) and described.accuracy:
        measured["accuracy"] = described.accuracy[0]
    return Model(described, card, {name: path}, measured)


def _described(path: Path) -> tuple[Description | DetectorDescription, str]:
    """What an exported file says of itself, and what it is called in a repository."""
    try:
        return open_network(path)[0], "model.onnx"
    except DataError as error:
        try:
            return open_detector(path)[0], "detector.onnx"
        except DataError:
            raise error from None


def _of_run(run: Run, credit: Sequence[str], note: str) -> Model:
    run.check_finished()
    exported = run.path / ("detector.onnx" if isinstance(run, DetectorRun) else "model.onnx")
    if not exported.is_file():
        _export(run, credit, note)
    elif credit or note:
        raise UsageError(f"{exported} is there already; remove it, so that the run is exported with credit and note")
    alone = _of_file(exported)
    there = {name: run.path / name for name in (*FILES, "report.html") if (run.path / name).is_file()}
    return Model(alone.description, alone.card, {**alone.files, **there}, dict(alone.measured) | _measured(run))


def _export(run: Run, credit: Sequence[str], note: str) -> None:
    check_extras("export")
    if isinstance(run, DetectorRun):
        from kuzushiji.export.detector import export_detector
        from kuzushiji.report.detector_card import write_detector_card

        write_detector_card(export_detector(run, credit=credit))
    else:
        from kuzushiji.export.run import export_run
        from kuzushiji.report.card import write_card

        write_card(export_run(run, credit=credit, note=note))


def _measured(run: Run) -> dict[str, float]:
    if not run.predictions_file().exists():
        return {}
    from kuzushiji.evaluation.runs import stored_evaluation

    found = stored_evaluation(run)
    return {
        "accuracy": found.accuracy.value,
        "balanced_accuracy": found.balanced_accuracy.value,
        "f1": found.macro_f1.value,
    }


def readme(model: Model, name: str) -> str:
    """The card as the hub has it: metadata that it reads, how the model is used, and the card of the exported file."""
    about = model.description
    is_detector = isinstance(about, DetectorDescription)
    command, call = (
        (f"kuzushiji read page.jpg --detector hf:{name}", f'kuzushiji.Reader(detector="hf:{name}")("page.jpg").text')
        if is_detector
        else (f"kuzushiji recognize character.png --model hf:{name}", f'kuzushiji.Recognizer("hf:{name}")(images)')
    )
    told = re.sub(r"\A# .*\n+", "", model.card) or f"Written by kuzushiji {about.version}:\n\n    {about.command}\n"
    use = f'```\npip install "kuzushiji[hub]"\n{command}\n```\n\n```python\nimport kuzushiji\n\n{call}\n```\n'
    return f"---\n{_metadata(model, name)}\n---\n\n# {name.partition('/')[2]}\n\n{use}\n{told}"


def _metadata(model: Model, name: str) -> str:
    """YAML."""
    from huggingface_hub import EvalResult, ModelCardData

    about = model.description
    is_detector = isinstance(about, DetectorDescription)
    task = "object-detection" if is_detector else "image-classification"
    data = [part for part in about.dataset.split("+") if part] or ["own"]
    there = {part: each.repository.name for part in data if (each := on_hub(part))}
    results = [
        EvalResult(
            task_type=task,
            dataset_type=there.get(about.dataset, about.dataset),
            dataset_name=about.dataset,
            dataset_split="test",
            metric_type=metric,
            metric_value=round(value, 6),
        )
        for metric, value in model.measured.items()
    ]
    card: Any = ModelCardData(
        language="ja",
        library_name="kuzushiji",
        pipeline_tag=task,
        tags=["kuzushiji", "ocr", "onnx", about.network],
        datasets=[there.get(part, part) for part in data],
        metrics=list(model.measured) or None,
        model_name=name.partition("/")[2],
        eval_results=results or None,
        **_licence(about.licence, about.licence_url),
    )
    return str(card.to_yaml())


def _licence(name: str, url: str) -> dict[str, Any]:
    """Of the data, which is that of the weights."""
    known = name.lower().replace(" ", "-")
    if not name:
        return {"license": "unknown"}
    if known in _LICENCES:
        return {"license": known}
    return {"license": "other", "license_name": known, **({"license_link": url} if url else {})}


# Data


@dataclass(frozen=True)
class PushedData:
    """What was pushed.

    Attributes:
        repository: at its commit.
        splits: split -> number of images.
        licence: that the card names; empty where none is known.
    """

    repository: Repository
    splits: dict[str, int]
    licence: str


def push_data(
    data: str | Path | Source,
    name: str,
    *,
    private: bool = False,
    credit: Sequence[str] = (),
    licence: str = "",
    note: str = "",
    image_size: int | None = None,
    tell: Tell = lambda what, done, every: None,
) -> PushedData:
    """Puts images and labels into a repository as parquet files, with a card; `hf:OWNER/NAME` is data from then on.

    What is not divided goes there as training images.  Parquet files that were there in `data/` are replaced.

    Args:
        data: anything that `kuzushiji.load` takes.
        name: `OWNER/NAME`, or `hf:OWNER/NAME@BRANCH` for a branch that is there.
        private: whether only its owner sees a repository that is made.
        credit: catalogued datasets that the images were made from: their licence and attribution go into the card.
        licence: under which images of one's own may be passed on, such as `cc-by-4.0`.
        note: what the card says of them.
        image_size: as in `kuzushiji.load`.
        tell: is told how it goes.

    Raises:
        UsageError: a name is wrong, or a licence is named for images that have one.
        DataError: the data is missing or damaged, or has no image.
        KuzushijiError: as in `push`; pyarrow is not installed.
    """
    check_extras("hub", "parquet")
    target, source = repository_named(name, "dataset"), parse(data)
    with TemporaryDirectory() as folder:
        counts = {}
        for images in characters_of(source, image_size, tell):
            told = counted(f"writing {images.split}", len(images), tell)
            write_parquet(Path(folder), images, told)
            counts[images.split] = np.bincount(images.labels, minlength=len(images.classes))
        origins = {entry.name: entry for entry in published_in(source.name, list(images.source))}
        sources = list((origins | {each: dataset(each) for each in credit}).values())
        if sources and licence:
            raise UsageError(
                f"--licence {licence} is for images of your own; these are of {sources[0].title}, under "
                f"{sources[0].licence}"
            )
        size = ["--image-size", str(image_size)] if image_size else []
        facts = DatasetFacts(
            name=target.name,
            title=source.title,
            classes=images.classes,
            counts=counts,
            image_size=images.image_size,
            sources=sources,
            licence=", ".join(dict.fromkeys(each.licence for each in sources)) or licence,
            licence_url=sources[0].licence_url if sources else "",
            command=shlex.join(["kuzushiji", "hub", "push-data", source.name, target.name, *size]),
            note=note,
        )
        card = f"---\n{_data_metadata(facts)}\n---\n\n{as_markdown(dataset_card(facts))}"
        files: dict[str, Path | bytes] = {"README.md": card.encode()}
        files |= {path.relative_to(folder).as_posix(): path for path in sorted(Path(folder).rglob("*.parquet"))}
        tell("pushing", 0, 0)
        pushed = target.push(files, f"{source.title}, by kuzushiji", private=private, instead_of="data/*.parquet")
    return PushedData(pushed, {split: int(each.sum()) for split, each in counts.items()}, facts.licence)


def _data_metadata(facts: DatasetFacts) -> str:
    """YAML."""
    from huggingface_hub import DatasetCardData

    sizes = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
    size = next((each for most, each in sizes.items() if facts.count < most), "1M<n<10M")
    files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in facts.counts]
    card: Any = DatasetCardData(
        language="ja",
        pretty_name=facts.title if facts.sources else facts.name.partition("/")[2],
        task_categories=["image-classification"],
        size_categories=[size],
        tags=["kuzushiji", "ocr", "handwriting"],
        configs=[{"config_name": "default", "data_files": files}],
        **_licence(facts.licence, facts.licence_url),
    )
    return str(card.to_yaml())
