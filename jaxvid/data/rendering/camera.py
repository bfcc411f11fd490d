"""The camera: from stage coordinates to pixels."""

from dataclasses import dataclass

import numpy as np

DISTANCE = 6.0  # from the camera to the stage, in standing heights


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the stage.

    scale: pixels per standing height; yaw: turn of the stage in radians (0: its forward axis
    points right in the image, pi/2: at the camera); pitch: how far the camera looks down;
    origin: (T,2) pixel of the stage origin; zoom: (T,) magnification about the image centre;
    size: (width, height) of the image.
    """

    scale: float
    yaw: float
    pitch: float
    origin: np.ndarray
    zoom: np.ndarray
    size: tuple[int, int]

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project stage points (T,P,3) to pixels (T,P,2) and nearness to the camera (T,P)."""
        x, y, z = np.moveaxis(points, -1, 0)
        across = x * np.cos(self.yaw) - z * np.sin(self.yaw)
        near = x * np.sin(self.yaw) + z * np.cos(self.yaw)
        height = y * np.cos(self.pitch) - near * np.sin(self.pitch)
        nearness = near * np.cos(self.pitch) + y * np.sin(self.pitch)
        factor = self.scale / (1.0 - nearness / DISTANCE)
        pixels = np.stack([across * factor, -height * factor], -1) + self.origin[:, None]
        centre = np.array(self.size) / 2
        return (pixels - centre) * self.zoom[:, None, None] + centre, nearness
