"""make_scripts.py: writes the TorchScript files beside it, with the torch package of python3 (1.13; newer libtorch read them, too).

The weights are small integers, so that the tests can say by hand what comes out."""

import os
import zipfile
from typing import List, Tuple

import torch


class Affine(torch.nn.Module):
    """y = x W^T + b with W = [[1, 2], [3, 4], [5, 6]], b = [10, 20, 30]; in training half of y is dropped."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 3)
        self.dropout = torch.nn.Dropout(0.5)
        self.register_buffer("calls", torch.tensor([7]))
        with torch.no_grad():
            self.linear.weight.copy_(torch.arange(1.0, 7.0).reshape(3, 2))
            self.linear.bias.copy_(torch.tensor([10.0, 20.0, 30.0]))

    def forward(self, x):
        return self.dropout(self.linear(x))

    @torch.jit.export
    def minus(self, a, b):
        return a - b

    @torch.jit.export
    def scaled(self, x, factor: float, times: int, negate: bool = False):
        y = x * factor * times
        return -y if negate else y

    @torch.jit.export
    def pair(self, x) -> Tuple[torch.Tensor, torch.Tensor]:
        return x + 1, x + 2

    @torch.jit.export
    def joined(self, parts: List[torch.Tensor]) -> List[torch.Tensor]:
        return [torch.cat(parts), parts[0]]

    @torch.jit.export
    def elements(self, x) -> int:
        return x.numel()

    @torch.jit.export
    def refuse(self, x):
        if x.numel() > 0:
            raise ValueError("not today")
        return x

    @torch.jit.export
    def named(self, x):
        return {"x": x}


class Difference(torch.nn.Module):
    def forward(self, a, b):
        return a - b


def save(module, path):
    """Without the debug records, which hold the folders of the box that wrote them."""
    torch.jit.script(module.eval()).save(path)
    with zipfile.ZipFile(path) as archive:
        records = [(entry, archive.read(entry)) for entry in archive.namelist() if not entry.endswith(".debug_pkl")]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for entry, content in records:
            archive.writestr(zipfile.ZipInfo(entry), content)


here = os.path.dirname(os.path.abspath(__file__))
save(Affine(), os.path.join(here, "affine.pt"))
save(Difference(), os.path.join(here, "difference.pt"))
