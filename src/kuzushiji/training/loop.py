"""The training loop."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from kuzushiji.errors import RankLost
from kuzushiji.inference.device import keep_freed_memory
from kuzushiji.inference.outputs import as_tensor
from kuzushiji.interruption import interruptible
from kuzushiji.training.compilation import compilation_told, compiled
from kuzushiji.training.optimizers import Average, climbed, create_optimizer, learning_rate
from kuzushiji.training.session import Session, TrainingProgress, own_seed
from kuzushiji.training.start import training_mode
from kuzushiji.training.statistics import synchronized
from kuzushiji.training.tasks import Task
from kuzushiji.training.tasks.classify import Classification
from kuzushiji.training.world import Alone, World, losses_told


def fit(
    network: nn.Module,
    task: Task,
    *,
    world: World | None = None,
    state: dict[str, Any] | None = None,
    save_state: Callable[[dict[str, Any]], None] = lambda state: None,
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
    on_epoch: Callable[[dict[str, Any]], None] = lambda metrics: None,
) -> tuple[nn.Module, list[dict[str, Any]]]:
    """Trains a network in place, as the task's recipe says.

    With the same arguments, seed and machine the outcome is the same to the bit on a CPU, whether the training ran
    through or was cut off and taken up again from a saved state.

    Args:
        network: weights as they start; it must stand on the task's device already.
        world: the processes that train it together; this one alone if None.
        state: what an earlier call gave to `save_state`, to go on from there.
        save_state: receives the state after each epoch, about every minute, and before an interruption ends it.
        on_progress: called a few times a second.
        on_epoch: called after each epoch with its metrics, as `Run.metrics` has them.

    Returns:
        The network to keep (trained, averaged or the best epoch's, as the recipe says), in evaluation mode, and
        the epochs' metrics.

    Raises:
        Diverged: the loss stopped being finite.
        Interrupted: Ctrl-C or a request to terminate arrived; the state has been saved.
        RankLost: another process ended; the state has been saved.
        RunError: the recipe says that the network is compiled, and it can't be here.
    """
    keep_freed_memory()
    world, recipe = world or Alone(), task.recipe
    torch.manual_seed(own_seed(recipe.seed, world.rank))
    optimizer = create_optimizer(network, recipe)
    average = Average(network, recipe)
    trained = compiled(world.shared(network)) if recipe.compile else world.shared(network)

    def gradients(batch: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        loss, counted = task.loss(trained, batch)
        optimizer.zero_grad()
        loss.backward()
        return loss, counted

    wanted = recipe.batch_statistics == "synchronized"
    with interruptible() as stop, synchronized(network, world, wanted, compiled=recipe.compile) as company:
        parts = {"network": network, "optimizer": optimizer, "average": average}
        session = Session(task, world, parts, stop=stop, save=save_state, on_progress=on_progress, on_epoch=on_epoch)
        if state is not None:
            session.restore(state)
        steps = recipe.epochs * session.steps

        def epoch_trained(epoch: int) -> None:
            training_mode(network)
            lr = learning_rate(recipe, max(0, session.steps_done - 1), steps)  # where all its steps are done
            for numbers, share in session.batches_left(task.order(epoch)):
                lr = learning_rate(recipe, session.steps_done, steps)
                for group in optimizer.param_groups:
                    group["lr"] = lr
                company.counts = share > 0
                batch = task.batch(network, numbers, epoch, share)
                loss, counted = gradients(batch)
                if recipe.sam:
                    with climbed(network, recipe.sam):
                        gradients(batch)
                optimizer.step()
                average.update(session.steps_done, steps)
                session.step_done(loss, counted)
            measured = world.first(task.validate(average.kept) if world.rank == 0 else None)
            session.epoch_done(average.kept, measured, lr)

        try:
            with losses_told(), compilation_told():
                for epoch in session.epochs_left():
                    epoch_trained(epoch)
        except RankLost as error:
            session.save_alone()
            raise RankLost(f"{error}; the state is saved") if world.rank == 0 else error from None

    kept = average.kept
    if session.best is not None:
        kept.load_state_dict(session.best)
    return kept.eval(), session.epochs


def fit_once(
    network: nn.Module, task: Classification, *, on_epoch: Callable[[dict[str, Any]], None] = lambda metrics: None
) -> nn.Module:
    """Fits a classical model, which takes the training images in one pass; in place.

    Args:
        network: one with `fit`, standing on the task's device already.
        on_epoch: called at the end with the metrics, as `Run.metrics` has them, and what the model chose by itself.

    Returns:
        The network, in evaluation mode.

    Raises:
        UsageError: there are too few training images for it.
    """
    torch.manual_seed(task.recipe.seed)
    started = time.perf_counter()
    fitting: Any = network
    images, labels = (as_tensor(values).to(task.device) for values in (task.train.images, task.train.labels))
    chosen = fitting.fit(images, labels)
    fitted = time.perf_counter()
    measured = task.validate(network)
    on_epoch(
        {
            "epoch": 1,
            "train_loss": None,
            "train_accuracy": None,
            **measured,
            "lr": None,
            "seconds": time.perf_counter() - started,
            "images_per_second": task.images / (fitted - started),
            **chosen,
        }
    )
    return network.eval()
