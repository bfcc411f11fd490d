"""What the readers of joints have in common: joints and people that are missing."""

import numpy as np


def marked(joints: np.ndarray) -> np.ndarray:
    """Returns joints (..., C) with NaN for the missing: not finite, or zero in all C numbers.

    Sensors and estimators write zeros for a joint that they did not find.
    """
    there = np.isfinite(joints).all(axis=-1) & joints.any(axis=-1)
    return np.where(there[..., None], joints, np.float32(np.nan))


def is_somebody(body: np.ndarray) -> bool:
    """Returns whether a body (..., C) has a joint that is not missing."""
    return not np.isnan(body).all()
