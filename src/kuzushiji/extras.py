"""What a part of the package needs beside what is always installed, and the line that installs it."""

from importlib.util import find_spec

from kuzushiji.errors import KuzushijiError

PACKAGES = {
    "train": ("jinja2", "matplotlib", "matplotlib_fontja", "safetensors", "scipy", "sklearn", "torch"),
    "sweep": ("optuna",),
    "export": ("onnx", "onnxscript"),
    "umap": ("umap",),
    "pdf": ("pypdfium2",),
    "serve": ("alembic", "argon2", "fastapi", "pydantic", "sqlalchemy", "starlette", "uvicorn"),
    "hub": ("huggingface_hub",),
    "parquet": ("pyarrow", "yaml"),
    "track": ("tensorboard",),
    "postgresql": ("psycopg",),
    "cluster": ("ray",),
    "datasets": ("datasets",),
    "lmdb": ("lmdb",),
    "yolo": ("yaml",),
}
"""Extra -> the packages that it brings, as they are imported."""


def check_extras(*names: str) -> None:
    """Says before the work begins what it would lack in the end; nothing is imported.

    Args:
        names: extras, keys of `PACKAGES`.

    Raises:
        KuzushijiError: a package is not installed; the message has the line that installs it.
    """
    lacking = {name: [package for package in PACKAGES[name] if find_spec(package) is None] for name in names}
    lacking = {name: packages for name, packages in lacking.items() if packages}
    if lacking:
        packages = " and ".join(package for each in lacking.values() for package in each)
        raise KuzushijiError(f"this needs {packages}; install it with: {pip_line(*lacking)}")


def pip_line(*names: str) -> str:
    """What installs these extras; to pip, a package that is there counts as found, published or not."""
    return f"pip install 'kuzushiji[{','.join(names)}]'"


def extra_of(module: str) -> str:
    """The extra that brings a module; `train`, which brings the most, where that is not known."""
    package = module.partition(".")[0]
    return next((name for name, packages in PACKAGES.items() if package in packages), "train")
