"""Module trees built from the naming rules of the published networks: names and shapes alone, nothing is computed.

What lies in a file plays no part here; the tree is what the file has to fit."""

import torch


class Weight(torch.nn.Module):
    """A bias-free linear layer or convolution."""

    def __init__(self, inputs, outputs, *kernel):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.empty(outputs, inputs, *kernel))


class Fourier(torch.nn.Module):
    def __init__(self, count):
        super().__init__()
        self.register_buffer("freqs", torch.empty(count))
        self.register_buffer("phases", torch.empty(count))


class Block(torch.nn.Module):
    def __init__(self, side, inputs, outputs, embedding, heads):
        super().__init__()
        self.emb_gain = torch.nn.Parameter(torch.empty([]))
        self.conv_res0 = Weight(outputs if side == "enc" else inputs, outputs, 3, 3)
        self.emb_linear = Weight(embedding, outputs)
        self.conv_res1 = Weight(outputs, outputs, 3, 3)
        if inputs != outputs:
            self.conv_skip = Weight(inputs, outputs, 1, 1)
        if heads > 0:
            self.attn_qkv = Weight(outputs, 3 * outputs, 1, 1)
            self.attn_proj = Weight(outputs, outputs, 1, 1)


class Backbone(torch.nn.Module):
    def __init__(
        self, resolution, channels, labels, modelChannels=192, channelMult=(1, 2, 3, 4), channelMultNoise=None, channelMultEmb=None,
        numBlocks=3, attnResolutions=(16, 8), channelsPerHead=64, **_,
    ):
        super().__init__()
        widths = [modelChannels * factor for factor in channelMult]
        features = modelChannels * channelMultNoise if channelMultNoise else widths[0]
        embedding = modelChannels * channelMultEmb if channelMultEmb else max(widths)

        def block(side, inputs, outputs, attention=False):
            return Block(side, inputs, outputs, embedding, outputs // channelsPerHead if attention else 0)

        self.out_gain = torch.nn.Parameter(torch.empty([]))
        self.emb_fourier = Fourier(features)
        self.emb_noise = Weight(features, embedding)
        if labels > 0:
            self.emb_label = Weight(labels, embedding)

        self.enc = torch.nn.ModuleDict()
        skips = []
        width = channels + 1
        for level, wide in enumerate(widths):
            size = resolution >> level
            name = f"{size}x{size}"
            if level == 0:
                self.enc[f"{name}_conv"] = Weight(width, wide, 3, 3)
                width = wide
            else:
                self.enc[f"{name}_down"] = block("enc", width, width)
            skips.append(width)
            for i in range(numBlocks):
                self.enc[f"{name}_block{i}"] = block("enc", width, wide, size in attnResolutions)
                width = wide
                skips.append(width)

        self.dec = torch.nn.ModuleDict()
        for level, wide in reversed(list(enumerate(widths))):
            size = resolution >> level
            name = f"{size}x{size}"
            if level == len(widths) - 1:
                self.dec[f"{name}_in0"] = block("dec", width, width, True)
                self.dec[f"{name}_in1"] = block("dec", width, width)
            else:
                self.dec[f"{name}_up"] = block("dec", width, width)
            for i in range(numBlocks + 1):
                self.dec[f"{name}_block{i}"] = block("dec", width + skips.pop(), wide, size in attnResolutions)
                width = wide

        self.out_conv = Weight(widths[0], channels, 3, 3)


class Denoiser(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        images = model["images"]
        features = model["preconditioning"].get("logvarChannels", 128)
        self.unet = Backbone(images["resolution"], images["channels"], images["labelDim"], **model["network"])
        self.logvar_fourier = Fourier(features)
        self.logvar_linear = Weight(features, 1)
