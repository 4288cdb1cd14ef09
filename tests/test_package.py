"""What `import kuzushiji` gives."""

import ast
import re
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


def test_the_version_is_the_same_wherever_it_is_told():
    project = Path(__file__).parents[1]
    cited = re.search(r"^version: (\S+)$", (project / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited
    assert cited[1] == kuzushiji.__version__
    assert f"## [{kuzushiji.__version__}] - 20" in (project / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"kuzushiji-{kuzushiji.__version__}-py3" in (project / "README.md").read_text(encoding="utf-8")
