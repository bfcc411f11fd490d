import numpy as np
import pytest

from jaxvid.models.layers.image_norm import apply_image_norm


@pytest.mark.parametrize(
    "image_norm, expected",
    [
        ("centred", (-1.0, 0.0, 1.0)),
        # (x - mean) / deviation of values from 0 to 1, as torchvision's documentation has them
        ("imagenet", (-0.485 / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225)),
        ("sports1m", (255 - 90, 127.5 - 98, 0 - 102)),
    ],
)
def test_images_are_normalised_as_published_networks_were_trained(image_norm, expected):
    x = np.broadcast_to(np.float32([-1, 0, 1]), (2, 1, 4, 4, 3))
    y = apply_image_norm(x, image_norm)
    assert y.shape == x.shape
    np.testing.assert_allclose(y[0, 0, 0, 0], expected, rtol=1e-5)


def test_published_norms_require_three_channels():
    flow = np.zeros((1, 1, 4, 4, 2), np.float32)
    assert apply_image_norm(flow, "centred") is flow
    with pytest.raises(ValueError, match="image_norm=imagenet requires three channels, not 2"):
        apply_image_norm(flow, "imagenet")
