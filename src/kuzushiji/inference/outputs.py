"""What a network says of images: its logits, batch by batch."""

import math
import warnings
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kuzushiji.data.images import CharacterImages
from kuzushiji.inference.device import autocast, keep_freed_memory

EVALUATION_BATCH = 512

Shifts = Sequence[tuple[int, int]]
"""By how many pixels down and to the right images are moved, once for each."""

UNMOVED: Shifts = ((0, 0),)

AROUND: Shifts = tuple(product((0, -1, 1), (0, -1, 1)))
"""Where they are, and one pixel in each of the eight directions."""


def outputs(
    network: nn.Module,
    data: CharacterImages,
    device: torch.device,
    dtype: torch.dtype,
    shifts: Shifts = UNMOVED,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields a network's logits, float32 (B, C), and the labels, (B,), batch by batch, in the data's order.

    Args:
        shifts: the images are moved by each of them, and logits of the mean probability are given.
    """
    keep_freed_memory()
    images, labels = as_tensor(data.images), as_tensor(data.labels)
    network.eval()
    with torch.inference_mode(), autocast(device, dtype):
        for start in range(0, len(data), EVALUATION_BATCH):
            batch = slice(start, start + EVALUATION_BATCH)
            seen = as_input(images[batch], device)
            logits = [network(shifted(seen, *shift)).float() for shift in shifts]
            yield _mean_answer(logits) if len(logits) > 1 else logits[0], labels[batch].to(device)


def _mean_answer(logits: list[Tensor]) -> Tensor:
    """Logarithms of the mean of the probabilities that several logits (B, C) stand for."""
    return torch.stack([each.log_softmax(1) for each in logits]).logsumexp(0) - math.log(len(logits))


def shifted(images: Tensor, down: int, right: int) -> Tensor:
    """Images (B, 1, H, W) moved by whole pixels; what moves in is black."""
    return F.pad(images, (right, -right, down, -down)) if down or right else images


def as_tensor(array: np.ndarray) -> Tensor:
    """The array's memory as a tensor, without a copy."""
    with warnings.catch_warnings():
        # A memory-mapped file is read-only, of which PyTorch warns; these tensors are only ever indexed.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def as_input(images: Tensor, device: torch.device) -> Tensor:
    """uint8 (B, H, W) images as a network takes them: float (B, 1, H, W) between 0 and 1."""
    return images.to(device, non_blocking=True)[:, None].float().div_(255)
