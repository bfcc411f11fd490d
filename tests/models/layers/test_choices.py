import flax.linen as nn
import pytest

from jaxvid.models.layers.choices import check_choices


class Module(nn.Module):
    mode: str = "slow"
    stride: int = 3


def test_an_unknown_value_raises_with_the_known_ones():
    check_choices(Module(), mode=("slow", "fast"), stride={1: "a", 3: "b"})
    with pytest.raises(ValueError, match="unknown stride 3: one of 1, 2"):
        check_choices(Module(), mode=("slow", "fast"), stride=(1, 2))
    with pytest.raises(ValueError, match="unknown mode 'slow': one of fast"):
        check_choices(Module(), mode=("fast",))
