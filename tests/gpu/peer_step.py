"""Times training steps of the same network in plain PyTorch, eager or compiled: the peer of `diffusion-gpu step`.

The network is Golden/peer/edm2.py, whose numbers this repository's are compared with. Random latents lie on the device already; a step is noise,
forward, backward, fused Adam where torch has it, and two averages. Prints columns separated by tabs: check, verdict, figures."""

import argparse
import pathlib
import sys
import time

import torch

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here / "Golden" / "peer"), str(here.parent / "Golden" / "peer")]
import edm2  # noqa: E402

CHANNELS = {"edm2-img512-xxs": 64, "edm2-img512-xs": 128, "edm2-img512-s": 192, "edm2-img512-m": 256}
CLASSES = 1000
WARM_UP = 5


class Precond(edm2.Precond):
    """The image path in a given number format; embedding, log variance and loss stay float32."""

    def __init__(self, precision, **options):
        super().__init__(**options)
        self.precision = precision

    def forward(self, x, sigma, class_labels=None, return_logvar=False):
        sigma, sd = sigma.reshape(-1, 1, 1, 1), self.sigma_data
        c_skip, c_out = sd**2 / (sigma**2 + sd**2), sigma * sd / (sigma**2 + sd**2).sqrt()
        c_in, c_noise = 1 / (sd**2 + sigma**2).sqrt(), sigma.flatten().log() / 4
        output = self.unet((c_in * x).to(self.precision), c_noise, class_labels)
        return c_skip * x + c_out * output.float(), self.logvar_linear(self.logvar_fourier(c_noise)).reshape(-1, 1, 1, 1)


def used_bytes(device):
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return total - free
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(arguments, device, precision, batch):
    torch.manual_seed(0)
    net = Precond(precision, img_resolution=64, img_channels=4, label_dim=CLASSES, model_channels=CHANNELS[arguments.preset]).to(device).train()
    averages = [[p.detach().clone() for p in net.parameters()] for _ in range(2)]
    fused = {"fused": True} if device.type == "cuda" and torch.__version__ >= "2" else {}
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4, betas=(0.9, 0.99), eps=1e-8, **fused)
    images = 0.5 * torch.randn(batch, 4, 64, 64, device=device)
    labels = torch.nn.functional.one_hot(torch.randint(CLASSES, (batch,)), CLASSES).float().to(device)

    def loss(images, labels):
        return edm2.loss_map(net, images, labels, torch.randn(batch, 1, 1, 1, device=device), torch.randn_like(images)).sum() / batch

    if arguments.mode == "compile":
        loss = torch.compile(loss)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(images, labels).backward()
        optimizer.step()
        with torch.no_grad():
            parameters = list(net.parameters())
            for average, weight in zip(averages, (0.01, 0.02)):
                if hasattr(torch, "_foreach_lerp_"):
                    torch._foreach_lerp_(average, parameters, weight)
                else:
                    for a, p in zip(average, parameters):
                        a.lerp_(p, weight)

    times = []
    for i in range(WARM_UP + arguments.steps):
        started = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    return sorted(times[WARM_UP:])[arguments.steps // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--preset", default="edm2-img512-xs", choices=CHANNELS)
    parser.add_argument("--precision", default="bf16", choices=["fp32", "bf16", "fp16"])
    parser.add_argument("--batches", default="8,32,max")
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--mode", default="eager", choices=["eager", "compile"])
    arguments = parser.parse_args()
    device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if arguments.device == "auto" else arguments.device)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False
    precision = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[arguments.precision]
    for text in arguments.batches.split(","):
        batch = 64 if text == "max" else int(text)
        while True:
            name = f"plain PyTorch {torch.__version__} {arguments.mode}, {arguments.preset}, {arguments.precision}, batch {batch}"
            try:
                median = measure(arguments, device, precision, batch)
                figures = f"{1e3 * median:.1f} ms/step\t{batch / median:.1f} images/s\t{used_bytes(device) / 1e9:.1f} GB"
            except RuntimeError as e:
                if "out of memory" not in str(e) and "not enough memory" not in str(e):
                    raise
                if text == "max":
                    break
                figures = "does not fit into the device's memory"
            print(f"{name}\tmeasured\t{figures}", flush=True)
            if text != "max" or "fit" in figures:
                break
            batch *= 2


if __name__ == "__main__":
    main()
