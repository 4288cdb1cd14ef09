"""The command line: one file a verb, imported when it is called.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted with Ctrl-C or asked to terminate.
Results go to stdout; progress, notes and errors go to stderr.
"""

import errno
import re
import sys

from cyclopts import App, CycloptsError, Parameter

from kuzushiji.cli.console import escape_what_cannot_be_written, give_up, notes, tell_of_data
from kuzushiji.errors import DataError, KuzushijiError, RankLost
from kuzushiji.extras import extra_of, pip_line
from kuzushiji.interruption import terminated_as_interrupted
from kuzushiji.torchrun import check_verb, place
from kuzushiji.version import __version__

_OUT_OF_MEMORY = re.compile("out of memory|can't allocate memory|not enough memory")
"""What PyTorch says, whose error has a kind of its own on a GPU alone."""

app = App(
    name="kuzushiji",
    help="Data, networks, training, evaluation and reading for kuzushiji, the cursive script of old Japan.",
    version=__version__,
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(negative_iterable=()),
)
for verb, summary in {
    "data": "List, describe, fetch, verify and convert datasets.",
    "explore": "Ask a dataset what is in it: samples, balance, maps and health, as one page.",
    "models": "List the networks; describe and draw one.",
    "train": "Train a network on a dataset into a run folder, evaluate it and write its report.",
    "evaluate": "Measure a run: how often it is right, and how far its certainty can be trusted.",
    "report": "Write the report of a run as one HTML file.",
    "explain": "Show which pixels made a network say what it says, or the feature maps of a layer.",
    "export": "Write a network as one ONNX file, for recognition without PyTorch, and its card.",
    "hub": "Put models onto the Hugging Face hub, and fetch them from there.",
    "recognize": "Name the character on each image.",
    "read": "Read pages: what they say, in reading order, and where each character stands.",
    "serve": "Open the reading room: pages in a browser, read while one watches, and corrected.",
    "site": "Write a site of static files that reads pages in the browser alone.",
    "shelf": "List, export and import the pages of the reading room; say who may come in.",
    "runs": "List, describe and remove runs.",
    "results": "Write a table of results from run folders.",
    "compare": "Compare runs on the same test images, pair by pair.",
    "ensemble": "Measure what several runs say together, from their predictions.",
    "study": "Answer a question by training networks; the studies that come with it, or your own.",
    "sweep": "Search for the best recipe of a network by training it again and again.",
    "demo": "Do the main job once: data, training, evaluation, report.",
}.items():
    app.command(f"kuzushiji.cli.{verb}:{verb}", name=verb, help=summary)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    escape_what_cannot_be_written()
    if place().leads:
        tell_of_data()
    with terminated_as_interrupted():
        return _run(arguments)


def _run(arguments: list[str] | None) -> int:
    try:
        check_verb(sys.argv[1:] if arguments is None else arguments)
        app(arguments, exit_on_error=False, print_error=False, error_console=notes)
        sys.stdout.flush()  # here, where it can be told that there is no room for it
    except CycloptsError as error:
        _tell("Wrong usage:", f"{error}\nTry --help for what this command takes.", alike=True)
        return 2
    except KuzushijiError as error:
        _tell("Error:", error, alike=not isinstance(error, DataError | RankLost))
        return error.exit_code
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "kuzushiji":
            raise  # our own mistake, not a missing extra
        _tell("Error:", f"this needs {error.name}, which comes with: {pip_line(extra_of(error.name or ''))}")
        return 1
    except KeyboardInterrupt:
        if place().leads:
            notes.print("Interrupted.")
        return 130
    except BrokenPipeError:
        give_up(sys.stdout)  # the reader of our output went away (`| head`); there is nobody left to tell
        return 1
    except OSError as error:
        give_up(sys.stdout)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        where = f": {error.filename}" if error.filename else ""
        _tell("Error:", "no space is left where the output goes" if full else f"{error.strerror or error}{where}")
        return 1
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error))):
            raise
        _tell("Error:", "out of memory; try a smaller dataset, --limit or a smaller --batch-size")
        return 1
    return 0


def _tell(kind: str, message: object, alike: bool = False) -> None:
    """Writes a message to stderr; one that is alike for all of several processes once a machine."""
    if alike and not place().leads:
        return
    notes.print(kind, style="bold red", end=" ")
    notes.print(str(message), soft_wrap=True)
