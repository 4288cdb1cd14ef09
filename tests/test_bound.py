import pytest

from kuzushiji.bound import read_bound, write_bound


@pytest.fixture
def files(tmp_path):
    (tmp_path / "source").write_text("source")
    write_bound(tmp_path / "made.json", {"accuracy": 0.5, "interval": (0.4, 0.6)}, [tmp_path / "source"])
    return tmp_path / "made.json", [tmp_path / "source"]


def test_what_belongs_together_is_read(files):
    made, sources = files
    assert read_bound(made, sources) == ({"accuracy": 0.5, "interval": [0.4, 0.6]}, True)


def test_a_file_of_an_older_version_does_not_say(files):
    made, sources = files
    made.write_text('{"accuracy": 0.5}')
    assert read_bound(made, sources) == ({"accuracy": 0.5}, None)


def test_another_figure_or_another_source_is_noticed(files):
    made, sources = files
    whole = made.read_text()
    made.write_text(whole.replace("0.5", "0.9"))
    assert read_bound(made, sources)[1] is False
    made.write_text(whole)
    sources[0].write_text("other")
    assert read_bound(made, sources)[1] is False


def test_where_nothing_can_be_written_nothing_is(tmp_path):
    (tmp_path / "file").touch()
    write_bound(tmp_path / "file" / "made.json", {}, [])
