"""What `import kuzushiji` gives."""

import ast
from importlib import import_module
from pathlib import Path

import kuzushiji


def test_every_name_is_there_and_type_checkers_know_the_same():
    tree = ast.parse(Path(kuzushiji.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {alias.name: f"{each.module}" for each in block.body for alias in each.names}
    assert sorted(told) == sorted(kuzushiji.__all__)
    for name, home in told.items():
        assert getattr(kuzushiji, name) is getattr(import_module(home), name)
    assert {*kuzushiji.__all__} <= {*dir(kuzushiji)}
