"""Classification metrics from probabilities, by scikit-learn."""

import numpy as np
from sklearn import metrics as sk


def summary(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float | None]:
    """Returns accuracy, macro precision, recall and F1, and the macro one-versus-rest AUC.

    Shapes: probabilities (B, N), labels (B,). Macro means are over the classes that occur among the
    labels or the predictions; the AUC's over those that occur among the labels beside another.
    """
    predicted = probabilities.argmax(-1)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        labels, predicted, average="macro", zero_division=0
    )
    return {
        "accuracy": float(sk.accuracy_score(labels, predicted)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "auc": auc(probabilities, labels),
    }


def auc(probabilities: np.ndarray, labels: np.ndarray) -> float | None:
    """Returns the one-versus-rest area under the ROC curve, averaged over the classes with clips.

    None where fewer than two classes have clips, for which it is not defined.
    """
    present = np.unique(labels)
    if len(present) < 2:
        return None
    return float(np.mean([sk.roc_auc_score(labels == k, probabilities[:, k]) for k in present]))


def per_class(probabilities: np.ndarray, labels: np.ndarray) -> list[dict[str, float]]:
    """Returns clips, precision, recall and F1 of each of the N classes."""
    numbers = sk.precision_recall_fscore_support(
        labels,
        probabilities.argmax(-1),
        labels=np.arange(probabilities.shape[-1]),
        zero_division=0,
    )
    return [
        {"clips": int(n), "precision": float(p), "recall": float(r), "f1": float(f)}
        for p, r, f, n in zip(*numbers, strict=True)
    ]


def confused(labels: np.ndarray, predicted: np.ndarray, number: int) -> np.ndarray:
    """Returns the confusion matrix (N, N) of counts: rows true, columns predicted."""
    counts = np.zeros((number, number), int)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def interval(correct: int, clips: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval of an accuracy of `correct` out of `clips` clips.

    It is of the clips alone, not of other training runs. Source: Wilson 1927.
    """
    z = 1.959964
    share, spread = correct / clips, z * z / clips
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / clips + spread / clips / 4)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))
