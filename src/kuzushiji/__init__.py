"""kuzushiji: data, networks, training, evaluation and reading for the cursive script of old Japan.

    >>> import kuzushiji
    >>> run = kuzushiji.train("resnet", "brush:kmnist", epochs=3)       # doctest: +SKIP
    >>> kuzushiji.evaluate(run).accuracy.value                          # doctest: +SKIP

What is named here is imported when it is first used, so that `import kuzushiji` is instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kuzushiji.version import __version__ as __version__

_HOME_OF = {
    "CharacterImages": "kuzushiji.data.images",
    "KuzushijiClassifier": "kuzushiji.training.estimator",
    "KuzushijiError": "kuzushiji.errors",
    "Page": "kuzushiji.document.page",
    "Predictions": "kuzushiji.runs.predictions",
    "Reader": "kuzushiji.reading.reader",
    "Recipe": "kuzushiji.runs.recipe",
    "Recognizer": "kuzushiji.reading.recognizer",
    "Run": "kuzushiji.runs.run",
    "calibrate": "kuzushiji.evaluation.calibration",
    "compare": "kuzushiji.evaluation.several",
    "create_model": "kuzushiji.models",
    "describe_model": "kuzushiji.models.inspection",
    "detect_outliers": "kuzushiji.evaluation.outliers",
    "ensemble": "kuzushiji.evaluation.ensemble",
    "evaluate": "kuzushiji.evaluation.metrics",
    "explain": "kuzushiji.inference.explain",
    "explain_layer": "kuzushiji.inference.explain",
    "explain_page": "kuzushiji.inference.explain",
    "list_models": "kuzushiji.models",
    "load": "kuzushiji.data.source",
    "measure_ensemble": "kuzushiji.evaluation.several",
    "predict": "kuzushiji.inference.predict",
    "recognize": "kuzushiji.reading.many",
    "resume": "kuzushiji.training.experiment",
    "show_outliers": "kuzushiji.inference.familiarity",
    "train": "kuzushiji.training.experiment",
}

__all__ = list(_HOME_OF)

if TYPE_CHECKING:
    from kuzushiji.data.images import CharacterImages as CharacterImages
    from kuzushiji.data.source import load as load
    from kuzushiji.document.page import Page as Page
    from kuzushiji.errors import KuzushijiError as KuzushijiError
    from kuzushiji.evaluation.calibration import calibrate as calibrate
    from kuzushiji.evaluation.ensemble import ensemble as ensemble
    from kuzushiji.evaluation.metrics import evaluate as evaluate
    from kuzushiji.evaluation.outliers import detect_outliers as detect_outliers
    from kuzushiji.evaluation.several import compare as compare
    from kuzushiji.evaluation.several import measure_ensemble as measure_ensemble
    from kuzushiji.inference.explain import explain as explain
    from kuzushiji.inference.explain import explain_layer as explain_layer
    from kuzushiji.inference.explain import explain_page as explain_page
    from kuzushiji.inference.familiarity import show_outliers as show_outliers
    from kuzushiji.inference.predict import predict as predict
    from kuzushiji.models import create_model as create_model
    from kuzushiji.models import list_models as list_models
    from kuzushiji.models.inspection import describe_model as describe_model
    from kuzushiji.reading.many import recognize as recognize
    from kuzushiji.reading.reader import Reader as Reader
    from kuzushiji.reading.recognizer import Recognizer as Recognizer
    from kuzushiji.runs.predictions import Predictions as Predictions
    from kuzushiji.runs.recipe import Recipe as Recipe
    from kuzushiji.runs.run import Run as Run
    from kuzushiji.training.estimator import KuzushijiClassifier as KuzushijiClassifier
    from kuzushiji.training.experiment import resume as resume
    from kuzushiji.training.experiment import train as train


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'kuzushiji' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
