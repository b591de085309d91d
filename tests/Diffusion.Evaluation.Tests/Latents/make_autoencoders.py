"""make_autoencoders.py: writes the TorchScript files beside it, with the torch package of python3.

whole.pt does by arithmetic what an autoencoder does by training: means are the colours of blocks of 8 x 8 pixels and their average, deviations a quarter of that;
decoding paints the blocks. The others are wrong in one way each."""

import os
import zipfile

import torch


class Blocks(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("quarter", torch.tensor(0.25))

    @torch.jit.export
    def encode(self, images):
        colours = torch.nn.functional.avg_pool2d(images, 8)
        means = torch.cat([colours, colours.mean(1, keepdim=True)], 1)
        return torch.cat([means, means * self.quarter], 1)

    @torch.jit.export
    def decode(self, latents):
        return torch.nn.functional.interpolate(latents[:, :3], scale_factor=8.0, mode="nearest")


class Logarithm(Blocks):
    @torch.jit.export
    def encode(self, images):
        means = torch.nn.functional.avg_pool2d(images, 8)[:, :1].repeat(1, 4, 1, 1)
        return torch.cat([means, means - 9], 1)


class Smaller(Blocks):
    @torch.jit.export
    def encode(self, images):
        return torch.nn.functional.avg_pool2d(images, 4).repeat(1, 3, 1, 1)[:, :8]

    @torch.jit.export
    def decode(self, latents):
        return latents


class Infinite(Blocks):
    @torch.jit.export
    def encode(self, images):
        return torch.nn.functional.avg_pool2d(images, 8).repeat(1, 3, 1, 1)[:, :8] / 0.0

    @torch.jit.export
    def decode(self, latents):
        raise ValueError("cannot")
        return latents


def save(module, path):
    """Without the debug records, which hold the folders of the box that wrote them."""
    torch.jit.script(module.eval()).save(path)
    with zipfile.ZipFile(path) as archive:
        records = [(entry, archive.read(entry)) for entry in archive.namelist() if not entry.endswith(".debug_pkl")]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for entry, content in records:
            archive.writestr(zipfile.ZipInfo(entry), content)


here = os.path.dirname(os.path.abspath(__file__))
for name, module in {"whole": Blocks(), "logarithm": Logarithm(), "smaller": Smaller(), "infinite": Infinite()}.items():
    save(module, os.path.join(here, name + ".pt"))
