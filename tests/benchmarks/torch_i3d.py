"""I3D, LI3D and their BiLSTM in PyTorch, written to be fast: what `step.py` runs ours against.

The same mathematics, shapes and parameters as `jaxvid.models`; memory is laid out as the caller
says (channels-last-3d is the fastest on CPUs and on GPUs with tensor cores). Padding goes into the
convolutions where it is symmetric, and ReLU works in place.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from jaxvid.models.i3d import BRANCH_WIDTHS
from jaxvid.models.layers.padding import same_padding


def padded(x, sizes, strides):
    """Returns x as SAME pads it, and the padding that is left to the operation itself.

    `x` comes out of a ReLU or is a clip: zeros win no maximum.
    """
    pads = [same_padding(*each) for each in zip(x.shape[2:], sizes, strides, strict=True)]
    if all(before == after for before, after in pads):
        return x, [before for before, _ in pads]
    return F.pad(x, [n for pad in reversed(pads) for n in pad]), [0, 0, 0]


def pooled(x, sizes, strides):
    x, padding = padded(x, sizes, strides)
    return F.max_pool3d(x, sizes, strides, padding)


class Unit(nn.Module):
    """Convolution, batch norm with an offset and no scale, ReLU."""

    def __init__(self, channels, features, size, strides=(1, 1, 1)):
        super().__init__()
        self.conv = nn.Conv3d(channels, features, size, strides, bias=False)
        self.norm = nn.BatchNorm3d(features, eps=1e-3)
        self.norm.weight.requires_grad_(False)

    def forward(self, x):
        conv = self.conv
        x, padding = padded(x, conv.kernel_size, conv.stride)
        x = F.conv3d(x, conv.weight, None, conv.stride, padding)
        return F.relu(self.norm(x), inplace=True)


def cube(channels, features, size, factorised, strides=(1, 1, 1)):
    if not factorised:
        return Unit(channels, features, (size, size, size), strides)
    return Factors(channels, features, size, strides)


class Factors(nn.Module):
    def __init__(self, channels, features, size, strides):
        super().__init__()
        self.spatial = Unit(channels, features, (1, size, size), (1, *strides[1:]))
        self.temporal = Unit(features, features, (size, 1, 1), (strides[0], 1, 1))

    def forward(self, x):
        return self.temporal(self.spatial(x))


class Block(nn.Module):
    def __init__(self, channels, widths, factorised):
        super().__init__()
        point, reduce_1, cube_1, reduce_2, cube_2, pool = widths
        self.branch_0 = Unit(channels, point, (1, 1, 1))
        self.branch_1_reduce = Unit(channels, reduce_1, (1, 1, 1))
        self.branch_1 = cube(reduce_1, cube_1, 3, factorised)
        self.branch_2_reduce = Unit(channels, reduce_2, (1, 1, 1))
        self.branch_2 = cube(reduce_2, cube_2, 3, factorised)
        self.branch_3 = Unit(channels, pool, (1, 1, 1))

    def forward(self, x):
        branches = (
            self.branch_0(x),
            self.branch_1(self.branch_1_reduce(x)),
            self.branch_2(self.branch_2_reduce(x)),
            self.branch_3(pooled(x, (3, 3, 3), (1, 1, 1))),
        )
        return torch.cat(branches, 1)


class Network(nn.Module):
    """(B,C,T,H,W) uint8 -> logits (B,N): backbone at the papers' width, mean over the steps."""

    def __init__(self, classes, factorised=False, hidden=0):
        super().__init__()
        self.conv_1a = Unit(3, 64, (7, 7, 7), (2, 2, 2))
        self.conv_2b = Unit(64, 64, (1, 1, 1))
        self.conv_2c = Unit(64, 192, (3, 3, 3))
        channels = 192
        for name, widths in BRANCH_WIDTHS.items():
            setattr(self, name, Block(channels, widths, factorised))
            channels = widths[0] + widths[2] + widths[4] + widths[5]
        self.encoder = None
        if hidden:
            self.encoder = nn.LSTM(channels, hidden, bidirectional=True, batch_first=True)
        self.classifier = nn.Linear(2 * hidden or channels, classes)

    def forward(self, x):
        x = x.to(self.classifier.weight.dtype) / 127.5 - 1
        x = pooled(self.conv_1a(x), (1, 3, 3), (1, 2, 2))
        x = pooled(self.conv_2c(self.conv_2b(x)), (1, 3, 3), (1, 2, 2))
        for name in BRANCH_WIDTHS:
            if name == "mixed_4b":
                x = pooled(x, (3, 3, 3), (2, 2, 2))
            elif name == "mixed_5b":
                x = pooled(x, (2, 2, 2), (2, 2, 2))
            x = getattr(self, name)(x)
        x = x.mean((3, 4)).transpose(1, 2)
        x = (x[:, :-1] + x[:, 1:]) / 2 if x.shape[1] > 1 else x
        if self.encoder is not None:
            x, _ = self.encoder(x)
        return self.classifier(x.mean(1))


def build(model, classes, params):
    """Returns the network of a model config, which is I3D or LI3D, with a recogniser's weights."""
    network = Network(
        classes,
        factorised=model.backbone == "li3d",
        hidden=model.hidden if model.encoder == "bilstm" else 0,
    )
    fill(network, params)
    return network


def fill(network, params):
    """Copies a recogniser's parameters, as `jaxvid.models` names and lays them out."""
    with torch.no_grad():
        if network.encoder is not None:  # theirs has two biases, which are added
            for name, tensor in network.encoder.named_parameters():
                if name.startswith("bias_hh"):
                    tensor.zero_().requires_grad_(False)
        for path, value in _leaves(params):
            tensor, axes = _place(network, path)
            tensor.copy_(torch.from_numpy(np.array(value)).permute(axes))


def gradients(network, params):
    """Returns the parameters' gradients in the order and layout of a recogniser's leaves."""
    found = []
    for path, _ in _leaves(params):
        tensor, axes = _place(network, path)
        found.append(tensor.grad.permute(*np.argsort(axes).tolist()).double().cpu().numpy())
    return found


def _leaves(tree, path=()):
    for name, value in sorted(tree.items()):
        if isinstance(value, dict):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _place(network, path):
    """Returns a parameter's tensor, and the order of our axes that is its own."""
    part, *inner, leaf = path
    if part == "encoder":
        name = {"kernel": "weight_ih", "recurrent_kernel": "weight_hh", "bias": "bias_ih"}[leaf]
        end = "_l0_reverse" if "backward" in inner else "_l0"
        return getattr(network.encoder, name + end), (0,) if leaf == "bias" else (1, 0)
    module = network.get_submodule(".".join(inner) or "classifier")
    if leaf == "bias":
        return module.bias, (0,)
    return module.weight, (4, 3, 0, 1, 2) if part == "backbone" else (1, 0)
