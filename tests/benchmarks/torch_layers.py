"""Single layers in PyTorch, channels-last-3d: what `layers.py` runs ours against.

Each function takes arrays in our layout and returns the passes by name. A pass returns a tensor,
which `array` brings back to our layout.
"""

import numpy as np
import torch
import torch.nn.functional as F
import torch_i3d

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Computed in on a GPU, as ours there (`devices.compute_dtype`).
DTYPE = torch.bfloat16 if DEVICE == "cuda" else torch.float32


def synchronise():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def array(tensor, kernel=False):
    """Returns (B,C,T,H,W) as (B,T,H,W,C), or a kernel's (D,C,kt,kh,kw) as (kt,kh,kw,C,D)."""
    axes = (2, 3, 4, 1, 0) if kernel else (0, 2, 3, 4, 1)
    return tensor.detach().permute(axes).float().cpu().numpy()


def conv(x, kernel, given, strides):
    x, given = _channels_last(x), _channels_last(given)
    weight = torch.from_numpy(kernel).permute(4, 3, 0, 1, 2)
    weight = weight.to(DEVICE, DTYPE, memory_format=torch.channels_last_3d)

    def forward(x, weight):
        x, padding = torch_i3d.padded(x, weight.shape[2:], strides)
        return F.conv3d(x, weight, None, strides, padding)

    return {
        "forward": _without_gradient(forward, x, weight),
        "input gradient": _gradient(forward, (x, weight), 0, given),
        "kernel gradient": _gradient(forward, (x, weight), 1, given),
    }


def pool(x, given, window, strides):
    x, given = _channels_last(x), _channels_last(given)

    def forward(x):
        return torch_i3d.pooled(x, window, strides)

    by_x = x.detach().requires_grad_()

    def both():
        return torch.autograd.grad(forward(by_x), by_x, given)[0]

    return {"forward": _without_gradient(forward, x), "forward and backward": both}


def norm(x, bias, given, epsilon):
    x, given = _channels_last(x), _channels_last(given)
    x.requires_grad_()
    bias = torch.from_numpy(bias).to(DEVICE).requires_grad_()
    scale = torch.ones_like(bias, requires_grad=False)

    def both():
        y = F.relu(F.batch_norm(x, None, None, scale, bias, True, eps=epsilon), inplace=True)
        return torch.autograd.grad(y, (x, bias), given)[0]

    return {"forward and backward": both}


def _channels_last(array):
    # Ours lie in memory as channels-last-3d does.
    return torch.from_numpy(np.moveaxis(array, -1, 1)).to(
        DEVICE, DTYPE, memory_format=torch.channels_last_3d
    )


def _without_gradient(forward, *inputs):
    def work():
        with torch.inference_mode():
            return forward(*inputs)

    return work


def _gradient(forward, inputs, wanted, given):
    """Returns the gradient by one input alone; the forward pass is done once, beforehand."""
    inputs = [tensor.detach().requires_grad_(n == wanted) for n, tensor in enumerate(inputs)]
    y = forward(*inputs)

    def work():
        return torch.autograd.grad(y, inputs[wanted], given, retain_graph=True)[0]

    return work
