"""A support vector machine with a Gaussian kernel, fitted by scikit-learn."""

from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from kuzushiji.errors import UsageError
from kuzushiji.models.fitted import Fitted, squared_distances

C_GRID = (1.0, 3.0, 10.0, 30.0)
GAMMA_GRID = (0.5, 1.0, 2.0, 4.0)
"""In units of 1 / (D * variance of the pixels), scikit-learn's `gamma="scale"`."""

FOLDS = 3


def svm(classes: int, image_size: tuple[int, int], *, C: float = 0.0, gamma: float = 0.0, tuning: int = 2000) -> Fitted:
    """A support vector machine for each pair of classes, with the kernel exp(-gamma |x - y|^2) of pixels in [0, 1].

    The "Tuned SVM (RBF kernel)" of the table of Kuzushiji-MNIST's makers (rois-codh/kmnist, issue 3: 92.82 %).

    Args:
        C: how much a training image on the wrong side costs; 0 has it chosen.
        gamma: how fast similarity fades with distance; 0 has it chosen.
        tuning: so many training images, drawn at random, serve to choose what is to be chosen, by cross-validation in
            three parts over C = 1, 3, 10, 30 and gamma = 1/2, 1, 2, 4 in units of 1 / (D * variance of the pixels).
    """
    height, width = image_size
    return Fitted(SupportVectors(height * width, classes, C, gamma, tuning))


class SupportVectors(nn.Module):
    """What a fitted `sklearn.svm.SVC` keeps, and its decision function.

    For each pair of classes a machine says which of the two it is, and by what margin.  The logit of a class is the
    number of pairs that it wins plus a term between -1/3 and 1/3 that grows with its margins, which settles ties:
    `SVC.decision_function`, and `SVC.predict` with `break_ties=True`.  Classes that had no training image have -1.

    Args:
        in_features: length of the vectors, D; their values run from 0 to 255.
        out_features: number of classes, C.
        C, gamma, tuning: as of `svm`.
    """

    def __init__(self, in_features: int, out_features: int, C: float, gamma: float, tuning: int) -> None:
        super().__init__()
        if min(C, gamma) < 0 or tuning < FOLDS:
            raise UsageError(
                f"svm needs a C and a gamma of 0 (chosen) or more, and {FOLDS} images or more to choose on, "
                f"found {C:g}, {gamma:g} and {tuning}"
            )
        self.in_features = in_features
        self.out_features = out_features
        self.options: tuple[float, float, int] = (C, gamma, tuning)
        # The vectors of all classes, M of each at most, fill an array (C, M, D); where a class has fewer, the
        # coefficients (C, M, C), of each vector in the machine against each class, are zero.
        self.register_buffer("vectors", torch.empty(out_features, 0, in_features, dtype=torch.uint8))
        self.register_buffer("coefficients", torch.empty(out_features, 0, out_features, dtype=torch.float64))
        self.register_buffer("intercepts", torch.zeros(out_features, out_features, dtype=torch.float64))
        self.register_buffer("seen", torch.zeros(out_features, dtype=torch.bool))
        self.register_buffer("gamma", torch.zeros((), dtype=torch.float64))
        self.vectors: Tensor
        self.coefficients: Tensor
        self.intercepts: Tensor
        self.seen: Tensor
        self.gamma: Tensor

    def emptied(self, classes: int) -> "SupportVectors":
        """The same for another number of classes, without support vectors."""
        return SupportVectors(self.in_features, classes, *self.options).to(self.vectors.device)

    def fit(self, vectors: Tensor, labels: Tensor) -> dict[str, float]:
        """Fits the machines to training vectors uint8 (N, D) and their labels (N,).

        Returns:
            `C` and `gamma` as they were given or chosen.

        Raises:
            UsageError: all training images are of one class.
        """
        from sklearn.svm import SVC

        if len(labels.unique()) < 2:
            raise UsageError("svm needs training images of at least 2 classes, found 1")
        C, gamma = self._chosen(vectors, labels)
        machine = SVC(C=C, gamma=gamma, cache_size=500).fit(vectors.cpu().double().numpy() / 255, labels.cpu().numpy())
        self._keep(machine, vectors)
        self.gamma = self.gamma.new_tensor(gamma)
        return {"C": C, "gamma": gamma}

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> float64 (B, C)."""
        against = [
            squared_distances(x, vectors).mul_(-self.gamma / 255**2).exp_() @ coefficients
            for vectors, coefficients in zip(self.vectors, self.coefficients, strict=True)
        ]
        sums = torch.stack(against, 1)
        # (B, C, C): by how much the class of a row wins against the class of a column, for each pair once.
        margins = (sums + sums.transpose(1, 2) + self.intercepts).triu(1)
        pairs = (self.seen[:, None] & self.seen).triu(1)
        wins = pairs & (margins >= 0)
        losses = pairs & (margins < 0)
        margins = margins * pairs
        votes = wins.sum(2) + losses.sum(1)
        total = margins.sum(2) - margins.sum(1)
        return torch.where(self.seen, votes + total / (3 * (total.abs() + 1)), -1.0)

    def _keep(self, machine: Any, vectors: Tensor) -> None:
        """Takes over what the machines were fitted to."""
        classes = torch.from_numpy(machine.classes_)
        # Of two classes scikit-learn turns the sign, so that positive means the second.
        sign = -1.0 if len(classes) == 2 else 1.0
        counts = machine.n_support_.tolist()
        support = vectors[torch.from_numpy(machine.support_).long().to(vectors.device)].split(counts)
        dual = torch.from_numpy(sign * machine.dual_coef_).T.to(self.intercepts).split(counts)
        shape = (self.out_features, max(counts))
        self.vectors = self.vectors.new_zeros(*shape, self.in_features)
        self.coefficients = self.coefficients.new_zeros(*shape, self.out_features)
        for label, own, weights in zip(classes.tolist(), support, dual, strict=True):
            others = classes[classes != label]
            self.vectors[label, : len(own)] = own
            self.coefficients[label, : len(own), others] = weights
        rows, columns = torch.triu_indices(len(classes), len(classes), 1)
        self.intercepts = torch.zeros_like(self.intercepts)
        self.intercepts[classes[rows], classes[columns]] = torch.from_numpy(sign * machine.intercept_).to(
            self.intercepts
        )
        self.seen = torch.zeros_like(self.seen)
        self.seen[classes] = True

    def _chosen(self, vectors: Tensor, labels: Tensor) -> tuple[float, float]:
        """C and gamma: those asked for, else those that name most of a sample right that was kept out of the fit."""
        from sklearn.svm import SVC

        C, gamma, tuning = self.options
        if C and gamma:
            return C, gamma
        drawn = torch.randperm(len(vectors))[:tuning].to(vectors.device)
        sample, names = vectors[drawn], labels[drawn].cpu().numpy()
        squared = squared_distances(sample, sample).cpu() / 255**2
        scale = 1 / (self.in_features * max(float((sample / 255).double().var(correction=0)), 1e-12))
        part = torch.arange(len(sample)) % FOLDS

        def right(C: float, gamma: float) -> int:
            kernel = (squared * -gamma).exp()
            count = 0
            for number in range(FOLDS):
                out, kept = (part == number).numpy(), (part != number).numpy()
                if len(set(names[kept])) > 1:
                    machine = SVC(C=C, kernel="precomputed").fit(kernel[kept][:, kept].numpy(), names[kept])
                    count += int((machine.predict(kernel[out][:, kept].numpy()) == names[out]).sum())
            return count

        grid = product([C] if C else C_GRID, [gamma] if gamma else [scale * step for step in GAMMA_GRID])
        return max(grid, key=lambda pair: right(*pair))  # the first of equals
