"""`kuzushiji hub`."""

from cyclopts import App

from kuzushiji.cli.console import busy, count_bar, notes, print_json, results, tell_on

hub = App(name="hub", help="Put models and data onto the Hugging Face hub, and fetch models from there.")


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


@hub.command(name="push-data")
def push_dataset(
    data: str,
    repository: str,
    /,
    *,
    private: bool = False,
    credit: tuple[str, ...] = (),
    licence: str = "",
    note: str = "",
    image_size: int | None = None,
    json: bool = False,
) -> None:
    """Put images and labels into a repository as parquet files, with a card; log in before with `hf auth login`.

    Everybody may then train on it with --data hf:OWNER/NAME, and load it with Hugging Face's `datasets`.

    Example: kuzushiji hub push-data kmnist6k OWNER/kmnist6k

    Parameters
    ----------
    data
        Anything that `kuzushiji train --data` takes; what is not divided goes there as training images.
    repository
        OWNER/NAME; it is made if it is not there, and parquet files that it has in data/ are replaced.
    private
        Let nobody else see a repository that is made.
    credit
        A dataset that your own images were made from, such as kmnist: its licence and attribution go into the card.
        May be given several times.
    licence
        Under which your own images may be passed on, such as cc-by-4.0.
    note
        What the card says of your own images.
    image_size
        Bring the images to so many pixels a side; needed where they have several sizes.
    json
        Print what was pushed as JSON.
    """
    from kuzushiji.hub import push_data

    with count_bar() as bar:
        pushed = push_data(
            data,
            repository,
            private=private,
            credit=credit,
            licence=licence,
            note=note,
            image_size=image_size,
            tell=tell_on(bar),
        )
    at = pushed.repository
    if json:
        print_json({"address": at.address, "commit": at.revision, "url": at.url, "splits": pushed.splits})
        return
    results.print(at.address, markup=False, soft_wrap=True)
    splits = ", ".join(f"{split} {count:,}" for split, count in pushed.splits.items())
    notes.print(f"{splits} images; its page: {at.url}", markup=False, soft_wrap=True)
    if not pushed.licence:
        notes.print("no licence is known of it, and the card says so; --licence NAME or --credit NAME names one")


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
