"""`kuzushiji hub`."""

from cyclopts import App

from kuzushiji.cli.console import busy, notes, print_json, results

hub = App(name="hub", help="Put models onto the Hugging Face hub, and fetch them from there.")


@hub.command(name="push")
def push_model(
    model: str,
    repository: str,
    /,
    *,
    private: bool = False,
    credit: tuple[str, ...] = (),
    note: str = "",
    json: bool = False,
) -> None:
    """Put a run or an exported network into a repository, with a card; log in before with `hf auth login`.

    Everybody may then name it hf:OWNER/NAME where a model or a run is named.  What goes there of a run: the exported
    network, its weights, config.json (which names folders of this machine), predictions, measures and report.

    Example: kuzushiji hub push RUN OWNER/kana

    Parameters
    ----------
    model
        A finished run, a network that ships, or a file that `kuzushiji export` wrote.
    repository
        OWNER/NAME; it is made if it is not there.
    private
        Let nobody else see a repository that is made.
    credit
        A dataset that your own images were made from, as in `kuzushiji export`.
    note
        What the card says of your own images, as in `kuzushiji export`.
    json
        Print what was pushed as JSON.
    """
    from kuzushiji.hub import push

    with busy("pushing"):
        pushed = push(model, repository, private=private, credit=credit, note=note)
    if json:
        print_json({"address": pushed.address, "commit": pushed.revision, "url": pushed.url})
        return
    results.print(pushed.address, markup=False, soft_wrap=True)
    notes.print(f"its page: {pushed.url}", markup=False, soft_wrap=True)


@hub.command(name="pull")
def pull_model(repository: str, /, *, json: bool = False) -> None:
    """Fetch a model or a run from a repository, and print where it is.

    A run lies among the runs from then on.  Nothing is fetched twice; HF_HUB_OFFLINE=1 asks nobody.

    Example: kuzushiji hub pull OWNER/kana@REVISION

    Parameters
    ----------
    repository
        OWNER/NAME, with @ and a branch, a tag or a commit behind it for another than the newest.
    json
        Print what was fetched as JSON.
    """
    from kuzushiji.hub import pull

    with busy("fetching"):
        pulled = pull(repository)
    if json:
        print_json(
            {"address": pulled.repository.address, "commit": pulled.repository.revision, "path": str(pulled.path)}
        )
        return
    results.print(str(pulled.path), markup=False, soft_wrap=True)
    notes.print(f"it is {pulled.repository.address}; use it with: {pulled.use}", markup=False, soft_wrap=True)
