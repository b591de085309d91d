"""EDM2 in plain PyTorch: network, preconditioning, loss, training step. Nothing but torch is needed, and nothing here is fast on purpose.

Written from the paper's formulas (Karras et al., arXiv:2312.02696) and the rules this repository documents, without a look at its C# code: where
the two agree, both read the rules alike. Names of modules are those of the published state dictionaries."""

import math

import torch
import torch.nn.functional as F

EPSILON = 1e-4


def single(x):
    """At least float32: everything here also runs in float64, to see how much float32 rounds."""
    return x if x.dtype == torch.float64 else x.float()


def normalize(x, dims=None):
    """x / (eps + rms): the epsilon is added to the rms, not under its root."""
    dims = list(range(1, x.ndim)) if dims is None else dims
    norm = torch.linalg.vector_norm(x, dim=dims, keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
    reduced = x.numel() / norm.numel()
    return x / (EPSILON + norm / math.sqrt(reduced)).to(x.dtype)


def resample(x, taps, mode):
    if mode == "keep":
        return x
    taps = torch.tensor(taps, dtype=torch.float32, device=x.device)
    taps = taps / taps.sum()
    kernel = torch.outer(taps, taps).to(x.dtype)[None, None].repeat(x.shape[1], 1, 1, 1)
    padding = (len(taps) - 1) // 2
    if mode == "down":
        return F.conv2d(x, kernel, stride=2, padding=padding, groups=x.shape[1])
    return F.conv_transpose2d(x, 4 * kernel, stride=2, padding=padding, groups=x.shape[1])


def mp_silu(x):
    return F.silu(x) / 0.596


def mp_sum(a, b, t=0.5):
    return ((1 - t) * a + t * b) / math.sqrt((1 - t) ** 2 + t**2)


def mp_cat(a, b, t=0.5):
    na, nb = a.shape[1], b.shape[1]
    scale = math.sqrt((na + nb) / ((1 - t) ** 2 + t**2))
    return torch.cat([a * (scale / math.sqrt(na) * (1 - t)), b * (scale / math.sqrt(nb) * t)], dim=1)


class Fourier(torch.nn.Module):
    def __init__(self, count):
        super().__init__()
        self.register_buffer("freqs", 2 * math.pi * torch.randn(count))
        self.register_buffer("phases", 2 * math.pi * torch.rand(count))

    def forward(self, v):
        return (math.sqrt(2) * torch.cos(torch.outer(single(v), self.freqs) + self.phases)).to(v.dtype)


class Weight(torch.nn.Module):
    """Linear layer or convolution without bias, weights of unit magnitude."""

    def __init__(self, inputs, outputs, *kernel):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(outputs, inputs, *kernel))

    def forward(self, x, gain=1):
        if self.training:
            with torch.no_grad():
                self.weight.copy_(normalize(self.weight))
        w = normalize(self.weight)
        w = (w * (gain / math.sqrt(w[0].numel()))).to(x.dtype)
        return F.linear(x, w) if w.ndim == 2 else F.conv2d(x, w, padding=w.shape[-1] // 2)


class Block(torch.nn.Module):
    def __init__(self, inputs, outputs, embedding, encoder, mode="keep", attention=False, resample_filter=(1, 1), channels_per_head=64, dropout=0,
                 res_balance=0.3, attn_balance=0.3, clip_act=256):
        super().__init__()
        self.encoder, self.mode, self.taps, self.dropout = encoder, mode, resample_filter, dropout
        self.res_balance, self.attn_balance, self.clip_act = res_balance, attn_balance, clip_act
        self.heads = outputs // channels_per_head if attention else 0
        self.emb_gain = torch.nn.Parameter(torch.zeros([]))
        self.conv_res0 = Weight(outputs if encoder else inputs, outputs, 3, 3)
        self.emb_linear = Weight(embedding, outputs)
        self.conv_res1 = Weight(outputs, outputs, 3, 3)
        self.conv_skip = Weight(inputs, outputs, 1, 1) if inputs != outputs else None
        self.attn_qkv = Weight(outputs, 3 * outputs, 1, 1) if self.heads else None
        self.attn_proj = Weight(outputs, outputs, 1, 1) if self.heads else None

    def forward(self, x, emb):
        x = resample(x, self.taps, self.mode)
        if self.encoder:
            x = x if self.conv_skip is None else self.conv_skip(x)
            x = normalize(x, [1])
        y = self.conv_res0(mp_silu(x))
        c = self.emb_linear(emb, self.emb_gain) + 1
        y = mp_silu(y * c[:, :, None, None].to(y.dtype))
        if self.training and self.dropout > 0:
            y = F.dropout(y, self.dropout)
        y = self.conv_res1(y)
        if not self.encoder and self.conv_skip is not None:
            x = self.conv_skip(x)
        x = mp_sum(x, y, self.res_balance)
        if self.heads:
            x = mp_sum(x, self.attention(x), self.attn_balance)
        return x if self.clip_act is None else x.clamp(-self.clip_act, self.clip_act)

    def attention(self, x):
        b, channels, h, w = x.shape
        width = channels // self.heads
        q, k, v = normalize(self.attn_qkv(x).reshape(b, self.heads, width, 3, h * w), [2]).unbind(3)
        weights = torch.softmax(torch.einsum("nhcq,nhck->nhqk", q, k / math.sqrt(width)), dim=3)
        return self.attn_proj(torch.einsum("nhqk,nhck->nhcq", weights, v).reshape(b, channels, h, w))


class UNet(torch.nn.Module):
    def __init__(self, img_resolution, img_channels, label_dim, model_channels=192, channel_mult=(1, 2, 3, 4), channel_mult_noise=None, channel_mult_emb=None,
                 num_blocks=3, attn_resolutions=(16, 8), label_balance=0.5, concat_balance=0.5, **block):
        super().__init__()
        self.label_balance, self.concat_balance, self.label_dim = label_balance, concat_balance, label_dim
        widths = [model_channels * m for m in channel_mult]
        cnoise = model_channels * channel_mult_noise if channel_mult_noise is not None else widths[0]
        cemb = model_channels * channel_mult_emb if channel_mult_emb is not None else max(widths)
        self.out_gain = torch.nn.Parameter(torch.zeros([]))
        self.emb_fourier = Fourier(cnoise)
        self.emb_noise = Weight(cnoise, cemb)
        self.emb_label = Weight(label_dim, cemb) if label_dim else None
        self.enc, skips = torch.nn.ModuleDict(), []
        channels = img_channels + 1
        for level, width in enumerate(widths):
            r = img_resolution >> level
            if level == 0:
                self.enc[f"{r}x{r}_conv"] = Weight(channels, width, 3, 3)
                channels = width
            else:
                self.enc[f"{r}x{r}_down"] = Block(channels, channels, cemb, True, "down", **block)
            skips.append(channels)
            for i in range(num_blocks):
                self.enc[f"{r}x{r}_block{i}"] = Block(channels, width, cemb, True, attention=r in attn_resolutions, **block)
                channels = width
                skips.append(channels)
        self.dec = torch.nn.ModuleDict()
        for level in reversed(range(len(widths))):
            r, width = img_resolution >> level, widths[level]
            if level == len(widths) - 1:
                self.dec[f"{r}x{r}_in0"] = Block(channels, channels, cemb, False, attention=True, **block)
                self.dec[f"{r}x{r}_in1"] = Block(channels, channels, cemb, False, **block)
            else:
                self.dec[f"{r}x{r}_up"] = Block(channels, channels, cemb, False, "up", **block)
            for i in range(num_blocks + 1):
                self.dec[f"{r}x{r}_block{i}"] = Block(channels + skips.pop(), width, cemb, False, attention=r in attn_resolutions, **block)
                channels = width
        self.out_conv = Weight(channels, img_channels, 3, 3)

    def forward(self, x, noise_labels, class_labels):
        e = self.emb_noise(self.emb_fourier(noise_labels))
        if self.label_dim:
            e = mp_sum(e, self.emb_label(class_labels * math.sqrt(self.label_dim)), self.label_balance)
        emb = self.emb = mp_silu(e)
        x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
        skips = []
        for module in self.enc.values():
            x = module(x) if isinstance(module, Weight) else module(x, emb)
            skips.append(x)
        for name, module in self.dec.items():
            if "_block" in name:
                x = mp_cat(x, skips.pop(), self.concat_balance)
            x = module(x, emb)
        return self.out_conv(x, self.out_gain)


class Precond(torch.nn.Module):
    def __init__(self, img_resolution, img_channels, label_dim=0, use_fp16=False, sigma_data=0.5, logvar_channels=128, **unet):
        super().__init__()
        self.label_dim, self.sigma_data, self.use_fp16 = label_dim, sigma_data, use_fp16
        self.unet = UNet(img_resolution, img_channels, label_dim, **unet)
        self.logvar_fourier = Fourier(logvar_channels)
        self.logvar_linear = Weight(logvar_channels, 1)

    def forward(self, x, sigma, class_labels=None, return_logvar=False):
        x = single(x)
        sigma = sigma.to(x.dtype).reshape(-1, 1, 1, 1)
        if self.label_dim == 0:
            class_labels = None
        elif class_labels is None:
            class_labels = torch.zeros([1, self.label_dim], dtype=x.dtype, device=x.device)
        else:
            class_labels = class_labels.to(x.dtype).reshape(-1, self.label_dim)
        sd = self.sigma_data
        c_skip = sd**2 / (sigma**2 + sd**2)
        c_out = sigma * sd / (sigma**2 + sd**2).sqrt()
        c_in = 1 / (sd**2 + sigma**2).sqrt()
        c_noise = sigma.flatten().log() / 4
        inner = torch.float16 if self.use_fp16 and x.is_cuda else x.dtype
        output = self.unet((c_in * x).to(inner), c_noise, class_labels)
        denoised = c_skip * x + c_out * single(output)
        if not return_logvar:
            return denoised
        return denoised, self.logvar_linear(self.logvar_fourier(c_noise)).reshape(-1, 1, 1, 1)


def loss_map(net, images, labels, rnd_normal, noise, P_mean=-0.4, P_std=1.0, sigma_data=0.5):
    """The loss of every pixel, from given draws."""
    sigma = (P_mean + P_std * rnd_normal).exp()
    weight = (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2
    denoised, logvar = net(images + sigma * noise, sigma, labels, return_logvar=True)
    return weight / logvar.exp() * (denoised - images) ** 2 + logvar


def learning_rate(seen, batch_size, ref_lr, ref_batches=0, rampup_Mimg=0):
    """`seen` counts the images before the step."""
    rate = ref_lr
    if ref_batches > 0:
        rate /= math.sqrt(max(seen / (ref_batches * batch_size), 1))
    if rampup_Mimg > 0:
        rate *= min(seen / (rampup_Mimg * 1e6), 1)
    return rate


def exponent(std):
    """gamma of a power-function profile: bisection of its relative standard deviation, which falls as gamma grows."""
    low, high = 0.0, 1.0
    while relative_std(high) > std:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if relative_std(middle) > std else (low, middle)
    return (low + high) / 2


def relative_std(g):
    return math.sqrt((g + 1) / ((g + 2) ** 2 * (g + 3)))


class Trainer:
    """Training steps: loss of given draws, Adam, power-function averages of the parameters."""

    def __init__(self, net, stds=(), **rate):
        self.net, self.rate = net.train(), rate
        self.optimizer = torch.optim.Adam(net.parameters(), lr=0, betas=(0.9, 0.99), eps=1e-8)
        self.averages = {std: {name: p.detach().clone() for name, p in net.named_parameters()} for std in stds}

    def step(self, seen, rounds, loss_scaling=1, **loss):
        """`rounds` are dictionaries of images, labels, rnd_normal, noise. Returns what a trace records."""
        batch_size = sum(len(part["images"]) for part in rounds)
        self.optimizer.zero_grad(set_to_none=True)
        total = count = 0
        for part in rounds:
            values = loss_map(self.net, **part, **loss)
            total, count = total + values.detach().double().sum().item(), count + values.numel()
            (values.sum() * (loss_scaling / batch_size)).backward()
        gradients = [p.grad for p in self.net.parameters()]
        for gradient in gradients:
            torch.nan_to_num(gradient, nan=0, posinf=0, neginf=0, out=gradient)
        lr = learning_rate(seen, batch_size, **self.rate)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        norm = math.sqrt(sum(g.double().square().sum().item() for g in gradients))
        self.optimizer.step()
        after = seen + batch_size
        betas = [(1 - batch_size / after) ** (exponent(std) + 1) for std in self.averages]
        with torch.no_grad():
            for average, beta in zip(self.averages.values(), betas):
                for name, p in self.net.named_parameters():
                    average[name].lerp_(p, 1 - beta)
        return {"cur_nimg_before": seen, "cur_nimg_after": after, "lr": lr, "loss_sum": total, "loss_mean_per_element": total / count, "grad_l2_norm": norm, "ema_beta": betas}
