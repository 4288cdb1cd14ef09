"""Detection: crops of pages, drawn ones and real ones, each with the characters that stand on it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor, nn

from kuzushiji.data.synthetic.drawn_pages import MAIN, Material, draw_page
from kuzushiji.errors import UsageError
from kuzushiji.imaging.ink import CHARACTER, ink_for_detector
from kuzushiji.inference.device import autocast, choose_dtype
from kuzushiji.models.detector import Maps, Targets, box_loss, centre_loss, encode
from kuzushiji.runs.recipe import Recipe
from kuzushiji.training.world import Alone, World

CERTAIN = 0.5
"""A character is found where the heat map gives its centre more than this."""

BOX_WEIGHT = 0.5
"""What the loss of places and sizes counts against that of the centres."""

CROPS_OF_A_PAGE = 2
"""Crops that are taken of a page at once: drawing one takes as long as a step."""

ANYWHERE = 0.2
"""Share of the crops that lie anywhere on their page; the others hold a character."""


@dataclass(frozen=True, eq=False)
class BoxedImage:
    """A real page of which it is known where each character stands.

    Attributes:
        image: uint8 (H, W), gray, of any size.
        boxes: float32 (n, 4): left, top, width and height in its pixels.
        unknown: float32 (m, 4), regions of which nobody knows what stands in them.
        size: usual side of a character in its pixels; that of the boxes if None.

    Raises:
        UsageError: the boxes are none, or there are none and the size is not said.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    unknown: NDArray[np.float32] | None = None
    size: float | None = None

    def __post_init__(self) -> None:
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4 or not (len(self.boxes) or self.size):
            raise UsageError(
                f"a page has boxes of the shape {self.boxes.shape}; expected (n, 4) with one box at least, or a size"
            )

    @property
    def usual_size(self) -> float:
        """Side of a character in its pixels."""
        return self.size or float(np.sqrt(np.median(self.boxes[:, 2] * self.boxes[:, 3])))


@dataclass(frozen=True, eq=False)
class Scene:
    """A page as a detector is shown it.

    Attributes:
        ink: uint8 (H, W), bright on black.
        boxes, unknown: as in `BoxedImage`, in pixels of `ink`.
        roles: (n,), of the boxes.
        whole: whether the boxes are those of all roles; on real pages nobody boxed the ruby.
    """

    ink: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    roles: NDArray[np.integer]
    unknown: NDArray[np.float32] | None = None
    whole: bool = True

    def crop(self, corner: NDArray[np.floating], side: int) -> tuple[NDArray[np.uint8], Targets]:
        """A square that lies within the page, or the whole of a page that is smaller, on black.

        Args:
            corner: x and y of where it begins, if there is room.
        """
        height, width = self.ink.shape
        left, top = corner.clip(0, [max(0, width - side), max(0, height - side)]).astype(int).tolist()
        crop = np.zeros((side, side), np.uint8)
        part = self.ink[top : top + side, left : left + side]
        crop[: part.shape[0], : part.shape[1]] = part
        shift = np.array([left, top, 0, 0], np.float32)
        unknown = None if self.unknown is None else self.unknown - shift
        targets = encode(self.boxes - shift, self.roles, (side, side), unknown=unknown)
        if not self.whole:
            targets.counted[MAIN + 1 :] = 0
        return crop, targets


@dataclass(frozen=True, eq=False)
class Crops:
    """Crops as they are seen in one step.

    Attributes:
        images: float (B, 1, side, side), ink bright.
        heat, counted, boxes, is_centre: as in `Targets`, a crop a row.
        counts: how many centres, and how many boxes, the losses are divided by; float (2,).
        share: see `Task.batch`.
    """

    images: Tensor
    heat: Tensor
    counted: Tensor
    boxes: Tensor
    is_centre: Tensor
    counts: Tensor
    share: float = 1.0


class Detection:
    """The task (see `Task`) of finding characters on pages.

    A crop depends on the seed, the epoch and its number alone, so that a training can go on where it was cut off.

    Args:
        material: what pages are drawn from.
        pages: real ones; none for drawn ones alone.
        validation: real pages of which a crop each, around the character in the middle of the list, at the usual size,
            measures the network after each epoch; none for no measuring.
        crops: how many crops make an epoch.
        side: of a crop in pixels, a multiple of 32.
        drawn: share of the crops that come from drawn pages, where there are real ones too.
        world: the processes that train together.

    Raises:
        UsageError: a number is out of range.
    """

    measures: tuple[str, ...] = ("recall",)

    def __init__(
        self,
        material: Material,
        pages: Sequence[BoxedImage],
        validation: Sequence[BoxedImage],
        recipe: Recipe,
        device: torch.device,
        *,
        crops: int = 800,
        side: int = 320,
        drawn: float = 0.7,
        world: World | None = None,
    ) -> None:
        if crops < 1 or side < 32 or side % 32 or not 0 <= drawn <= 1:
            raise UsageError(
                f"{crops} crops of {side} pixels, {drawn:g} of them drawn; expected 1 crop or more, a side that is a "
                "multiple of 32, and a share from 0 to 1"
            )
        self.material, self.pages, self.world = material, pages, world or Alone()
        self.recipe, self.device, self.images = recipe, device, crops
        self.side, self.drawn = side, drawn if pages else 1.0
        self.dtype = choose_dtype(recipe.precision, device)
        self._validation = [self._together([self._middle(page)]) for page in validation]

    def order(self, epoch: int) -> Tensor:
        """The crops are drawn as they are needed, so that one order is as good as another."""
        return torch.arange(self.images)

    def batch(self, network: nn.Module, numbers: Tensor, epoch: int, share: float = 1.0) -> Crops:
        """The crops of these numbers."""
        crops = []
        for page, members in groupby(numbers.tolist(), key=lambda number: number // CROPS_OF_A_PAGE):
            scene = self._scene(np.random.default_rng([self.recipe.seed, epoch, page]))
            crops += [
                self._crop(scene, np.random.default_rng([self.recipe.seed, epoch, number, 1])) for number in members
            ]
        batch = self._together(crops)
        counts = self.world.sum(batch.counts * bool(share)).clamp(min=1) / self.world.size
        return replace(batch, counts=counts, share=share)

    def loss(self, network: nn.Module, batch: Crops) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The loss of centres and boxes, each by its number in the whole batch; the sum of the recalls."""
        with autocast(self.device, self.dtype):
            maps = network(batch.images)
        maps = Maps(maps.heat.float(), maps.boxes.float())
        centres, boxes = batch.counts
        loss = centre_loss(maps.heat, batch.heat, batch.counted, centres) + BOX_WEIGHT * box_loss(
            maps.boxes, batch.boxes, batch.is_centre, boxes
        )
        active = bool(batch.share)
        return loss * active, (_recalls(maps.heat.detach(), batch).sum() * active,)

    @torch.inference_mode()
    def validate(self, network: nn.Module) -> dict[str, float | None]:
        """Mean loss and recall over the crops of the validation pages."""
        if not self._validation:
            return {"validation_loss": None, "validation_recall": None}
        network.eval()
        sums = torch.zeros(2)
        for crop in self._validation:
            loss, (recall,) = self.loss(network, crop)
            sums += torch.stack([loss, recall]).cpu()
        loss_, found = (sums / len(self._validation)).tolist()
        return {"validation_loss": loss_, "validation_recall": found}

    def _scene(self, random: np.random.Generator) -> Scene:
        if random.random() < self.drawn:
            drawn = draw_page(self.material, random)
            return Scene(ink_for_detector(Image.fromarray(drawn.image), 1), drawn.boxes, drawn.roles)
        size = CHARACTER * float(np.exp(random.normal(0, 0.3)))
        page = _scaled(self.pages[int(random.integers(len(self.pages)))], size)
        return _as_another_hand(page, random)

    def _crop(self, scene: Scene, random: np.random.Generator) -> tuple[NDArray[np.uint8], Targets]:
        if len(scene.boxes) and random.random() >= ANYWHERE:
            box = scene.boxes[random.integers(len(scene.boxes))]
            return scene.crop(box[:2] + random.uniform(-self.side, 0, 2), self.side)
        height, width = scene.ink.shape
        return scene.crop(random.uniform(0, 1, 2) * [width - self.side, height - self.side], self.side)

    def _middle(self, page: BoxedImage) -> tuple[NDArray[np.uint8], Targets]:
        scene = _scaled(page, CHARACTER)
        box = scene.boxes[len(scene.boxes) // 2]
        return scene.crop(box[:2] + (box[2:] - self.side) / 2, self.side)

    def _together(self, crops: Sequence[tuple[NDArray[np.uint8], Targets]]) -> Crops:
        images = torch.from_numpy(np.stack([image for image, _ in crops]))[:, None].to(self.device)
        heat, counted, boxes, is_centre = (
            torch.from_numpy(np.stack([getattr(target, name) for _, target in crops])).to(self.device)
            for name in ("heat", "counted", "boxes", "is_centre")
        )
        seen = (images.float() / 255).contiguous(memory_format=torch.channels_last)
        counts = torch.stack([(heat.eq(1) * counted).sum(), is_centre.sum().float()])
        return Crops(seen, heat, counted, boxes, is_centre, counts)


def _scaled(page: BoxedImage, size: float) -> Scene:
    """A page brought to where its characters have `size` pixels."""
    scale = size / page.usual_size
    ink = ink_for_detector(Image.fromarray(page.image), scale)
    unknown = None if page.unknown is None else page.unknown * scale
    return Scene(ink, page.boxes * scale, np.full(len(page.boxes), MAIN), unknown, whole=False)


def _as_another_hand(page: Scene, random: np.random.Generator) -> Scene:
    """A page written broader or narrower, with a thicker or thinner brush, with more or less ink: there are few."""
    image = Image.fromarray(page.ink)
    if random.random() < 0.5:
        brush = (ImageFilter.MaxFilter if random.random() < 0.5 else ImageFilter.MinFilter)(3)
        image = Image.blend(image, image.filter(brush), float(random.uniform(0, 0.8)))
    if random.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(float(random.uniform(0.3, 1))))
    strength = 255 * (np.arange(256) / 255) ** float(np.exp(random.normal(0, 0.3)))
    image = image.point(strength.round().astype(int).tolist())
    broader = float(np.exp(random.normal(0, 0.1)))
    sides = max(1, round(image.width * broader)), max(1, round(image.height / broader))
    grown = np.tile(np.array(sides) / image.size, 2).astype(np.float32)
    ink = np.asarray(image.resize(sides, Image.Resampling.BILINEAR))
    unknown = None if page.unknown is None else page.unknown * grown
    return replace(page, ink=ink, boxes=page.boxes * grown, unknown=unknown)


def _recalls(heat: Tensor, batch: Crops) -> Tensor:
    """(B,), of each crop the share of its characters whose centre is told; 1 where none stands."""
    told = heat.sigmoid().amax(1) > CERTAIN
    there = batch.is_centre
    count = there.sum((1, 2))
    return torch.where(count > 0, (told & there).sum((1, 2)) / count.clamp(min=1), 1.0)
