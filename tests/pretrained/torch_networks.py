"""The published networks in PyTorch, with the published names: what the transfers are checked with.

`width` scales every channel count as our models do.
"""

import torch
import torch.nn.functional as F
from torch import nn

# Of TensorFlow's block and torchvision's: widths of its branches.
BLOCKS = {
    ("3b", "3a"): (64, 96, 128, 16, 32, 32),
    ("3c", "3b"): (128, 128, 192, 32, 96, 64),
    ("4b", "4a"): (192, 96, 208, 16, 48, 64),
    ("4c", "4b"): (160, 112, 224, 24, 64, 64),
    ("4d", "4c"): (128, 128, 256, 24, 64, 64),
    ("4e", "4d"): (112, 144, 288, 32, 64, 64),
    ("4f", "4e"): (256, 160, 320, 32, 128, 128),
    ("5b", "5a"): (256, 160, 320, 32, 128, 128),
    ("5c", "5b"): (384, 192, 384, 48, 128, 128),
}


def scaled(channels, width):
    return max(8, round(channels * width / 8) * 8)


def same_pad(x, kernel, stride):
    """Pads the last axes as TensorFlow's SAME."""
    pads = []
    for size, k, s in zip(x.shape[2:], kernel, stride, strict=True):
        total = max((-(-size // s) - 1) * s + k - size, 0)
        pads = [total // 2, total - total // 2, *pads]
    return F.pad(x, pads)


class Conv2dUnit(nn.Module):
    def __init__(self, channels, features, size, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(channels, features, size, stride, size // 2, bias=False)
        self.bn = nn.BatchNorm2d(features, eps=1e-3)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Block2d(nn.Module):
    def __init__(self, channels, widths):
        super().__init__()
        a, b, c, d, e, f = widths
        self.branch1 = Conv2dUnit(channels, a, 1)
        self.branch2 = nn.Sequential(Conv2dUnit(channels, b, 1), Conv2dUnit(b, c, 3))
        self.branch3 = nn.Sequential(Conv2dUnit(channels, d, 1), Conv2dUnit(d, e, 3))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Conv2dUnit(channels, f, 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class GoogLeNet(nn.Module):
    """(B,3,H,W) -> features (B,D) and logits (B,N), with the auxiliary classifiers' tensors."""

    def __init__(self, classes, width=1.0):
        super().__init__()
        self.conv1 = Conv2dUnit(3, scaled(64, width), 7, 2)
        self.conv2 = Conv2dUnit(scaled(64, width), scaled(64, width), 1)
        self.conv3 = Conv2dUnit(scaled(64, width), scaled(192, width), 3)
        channels = scaled(192, width)
        for (_, name), published in BLOCKS.items():
            widths = [scaled(w, width) for w in published]
            setattr(self, f"inception{name}", Block2d(channels, widths))
            channels = widths[0] + widths[2] + widths[4] + widths[5]
        self.fc = nn.Linear(channels, classes)
        self.aux1, self.aux2 = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.conv3(self.conv2(x)), 3, 2, ceil_mode=True)
        for _, name in BLOCKS:
            if name == "4a":
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            if name == "5a":
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
            x = getattr(self, f"inception{name}")(x)
        features = x.mean((2, 3))
        return features, self.fc(features)


class Conv3dUnit(nn.Module):
    def __init__(self, channels, features, size, stride=1, plain=False):
        super().__init__()
        self.conv3d = nn.Conv3d(channels, features, size, stride, bias=plain)
        self.bn = None if plain else nn.BatchNorm3d(features, eps=1e-3)

    def forward(self, x):
        x = self.conv3d(same_pad(x, self.conv3d.kernel_size, self.conv3d.stride))
        return x if self.bn is None else F.relu(self.bn(x))


class Block3d(nn.Module):
    def __init__(self, channels, widths):
        super().__init__()
        a, b, c, d, e, f = widths
        self.b0 = Conv3dUnit(channels, a, 1)
        self.b1a, self.b1b = Conv3dUnit(channels, b, 1), Conv3dUnit(b, c, 3)
        self.b2a, self.b2b = Conv3dUnit(channels, d, 1), Conv3dUnit(d, e, 3)
        self.b3b = Conv3dUnit(channels, f, 1)

    def forward(self, x):
        pooled = F.max_pool3d(x, 3, 1, 1)
        branches = self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)
        return torch.cat(branches, 1)


class I3D(nn.Module):
    """(B,C,T,H,W) -> features (B,τ,D) and logits (B,N), the mean over the steps."""

    def __init__(self, classes, channels=3, width=1.0):
        super().__init__()
        self.Conv3d_1a_7x7 = Conv3dUnit(channels, scaled(64, width), 7, 2)
        self.Conv3d_2b_1x1 = Conv3dUnit(scaled(64, width), scaled(64, width), 1)
        self.Conv3d_2c_3x3 = Conv3dUnit(scaled(64, width), scaled(192, width), 3)
        channels = scaled(192, width)
        for (name, _), published in BLOCKS.items():
            widths = [scaled(w, width) for w in published]
            setattr(self, f"Mixed_{name}", Block3d(channels, widths))
            channels = widths[0] + widths[2] + widths[4] + widths[5]
        self.logits = Conv3dUnit(channels, classes, 1, plain=True)

    def pool(self, x, size, stride):
        return F.max_pool3d(same_pad(x, size, stride), size, stride)  # x comes out of a ReLU

    def forward(self, x):
        x = self.pool(self.Conv3d_1a_7x7(x), (1, 3, 3), (1, 2, 2))
        x = self.pool(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)), (1, 3, 3), (1, 2, 2))
        for name, _ in BLOCKS:
            if name == "4b":
                x = self.pool(x, (3, 3, 3), (2, 2, 2))
            if name == "5b":
                x = self.pool(x, (2, 2, 2), (2, 2, 2))
            x = getattr(self, f"Mixed_{name}")(x)
        x = F.avg_pool3d(x, (min(2, x.shape[2]), *x.shape[3:]), 1)
        logits = self.logits(x)[..., 0, 0].mean(2)
        return x[..., 0, 0].transpose(1, 2), logits


class VGG16(nn.Module):
    """(B,3,H,W), ImageNet's mean and deviation taken off -> maps, FC7 and logits."""

    def __init__(self, classes, size, width=1.0):
        super().__init__()
        layers, channels = [], 3
        for stage in ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3):
            for features in stage:
                layers += [nn.Conv2d(channels, scaled(features, width), 3, 1, 1), nn.ReLU()]
                channels = scaled(features, width)
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        units = scaled(4096, width)
        self.classifier = nn.Sequential(
            nn.Linear(channels * (size // 32) ** 2, units),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(units, classes),
        )

    def forward(self, x):
        maps = self.features[:-1](x)
        fc7 = self.classifier[:6](torch.flatten(self.features[-1](maps), 1))
        return maps, fc7, self.classifier[6](fc7)


class C3D(nn.Module):
    """(B,3,16,H,W) -> FC7 and logits. `pad5`: how the last pooling pads."""

    def __init__(self, classes, size, width=1.0):
        super().__init__()
        channels = 3
        for name, published in zip(
            ("conv1", "conv2", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b"),
            (64, 128, 256, 256, 512, 512, 512, 512),
            strict=True,
        ):
            setattr(self, name, nn.Conv3d(channels, scaled(published, width), 3, padding=1))
            channels = scaled(published, width)
        side = (size // 16 + 2) // 2
        self.fc6 = nn.Linear(channels * side**2, scaled(4096, width))
        self.fc7 = nn.Linear(scaled(4096, width), scaled(4096, width))
        self.fc8 = nn.Linear(scaled(4096, width), classes)

    def forward(self, x):
        x = F.max_pool3d(F.relu(self.conv1(x)), (1, 2, 2))
        x = F.max_pool3d(F.relu(self.conv2(x)), 2)
        x = F.max_pool3d(F.relu(self.conv3b(F.relu(self.conv3a(x)))), 2)
        x = F.max_pool3d(F.relu(self.conv4b(F.relu(self.conv4a(x)))), 2)
        x = F.max_pool3d(F.relu(self.conv5b(F.relu(self.conv5a(x)))), 2, padding=(0, 1, 1))
        x = F.relu(self.fc7(F.relu(self.fc6(torch.flatten(x, 1)))))
        return x, self.fc8(x)


class GraphUnit(nn.Module):
    def __init__(self, channels, features, stride, residual, parts):
        super().__init__()
        self.gcn = nn.Module()
        self.gcn.conv = nn.Conv2d(channels, parts * features, 1)
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(features),
            nn.ReLU(),
            nn.Conv2d(features, features, (9, 1), (stride, 1), (4, 0)),
            nn.BatchNorm2d(features),
        )
        self.adds = residual
        if residual and (channels != features or stride > 1):
            self.residual = nn.Sequential(
                nn.Conv2d(channels, features, 1, (stride, 1)), nn.BatchNorm2d(features)
            )

    def forward(self, x, graph):
        y = self.gcn.conv(x)
        y = y.reshape(len(y), len(graph), -1, *y.shape[2:])
        y = self.tcn(torch.einsum("nkctv,kvw->nctw", y, graph))
        if self.adds:
            y = y + (self.residual(x) if hasattr(self, "residual") else x)
        return F.relu(y)


class STGCN(nn.Module):
    """(B,C,T,V,M) -> features (B,D) and logits (B,N)."""

    def __init__(self, classes, bones, centre, width=1.0, partition="spatial"):
        super().__init__()
        self.register_buffer("A", self.graph(bones, centre, partition))
        joints, channels = self.A.shape[1], 3
        self.data_bn = nn.BatchNorm1d(channels * joints)
        self.st_gcn_networks = nn.ModuleList()
        for n, published in enumerate((64,) * 4 + (128,) * 3 + (256,) * 3):
            features = scaled(published, width)
            unit = GraphUnit(channels, features, 2 if n in (4, 7) else 1, n > 0, len(self.A))
            self.st_gcn_networks.append(unit)
            channels = features
        self.edge_importance = nn.ParameterList(
            [nn.Parameter(torch.ones_like(self.A)) for _ in self.st_gcn_networks]
        )
        self.fcn = nn.Conv2d(channels, classes, 1)

    @staticmethod
    def graph(bones, centre, partition):
        """Spatial subsets: a joint itself; neighbours as near or farther; neighbours nearer."""
        joints = max(map(max, bones)) + 1
        near = torch.eye(joints)
        for a, b in bones:
            near[a, b] = near[b, a] = 1
        distance = torch.full((joints,), 99)
        distance[centre] = 0
        for _ in range(joints):
            for a, b in bones:
                distance[a] = min(distance[a], distance[b] + 1)
                distance[b] = min(distance[b], distance[a] + 1)
        weights = near / near.sum(0)  # [from, to]
        come_from, go_to = distance[:, None], distance[None]
        itself = torch.eye(joints)
        others = weights * (1 - itself)
        nearer = others * (come_from < go_to)
        if partition == "uniform":
            return weights[None]
        parts = [others] if partition == "distance" else [others - nearer, nearer]
        return torch.stack([weights * itself, *parts])

    def forward(self, x):
        batch, channels, steps, joints, people = x.shape
        x = x.permute(0, 4, 3, 1, 2).reshape(batch * people, joints * channels, steps)
        x = self.data_bn(x).reshape(batch * people, joints, channels, steps)
        x = x.permute(0, 2, 3, 1)
        for unit, importance in zip(self.st_gcn_networks, self.edge_importance, strict=True):
            x = unit(x, self.A * importance)
        features = x.mean((2, 3)).reshape(batch, people, -1).mean(1)
        return features, self.fcn(features[..., None, None])[..., 0, 0]


def randomise(network, seed=0):
    """Random weights, batch statistics and scales, of which some are 1, 0 or negative."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if name == "A" or name.endswith("num_batches_tracked"):
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if tensor.ndim > 1 and "edge_importance" not in name:
            value = noise * (2 / tensor[0].numel()) ** 0.5
        elif name.endswith("running_var"):
            value = torch.rand(tensor.shape, generator=generator) + 0.5
        elif name.endswith("bias") or name.endswith("running_mean"):
            value = 0.2 * noise
        else:
            value = 1 + 0.4 * noise
            value.view(-1)[:4] = torch.tensor([1.0, 0.0, -0.7, 1e-4])
        tensor.copy_(value)
    return network.eval()
