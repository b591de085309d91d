"""EDM2's sampler: Heun's second-order steps with churn and guidance (arXiv:2206.00364, Algorithm 2; arXiv:2312.02696; arXiv:2406.02507)."""

import math

import torch


def time_steps(num_steps, sigma_min, sigma_max, rho, dtype):
    i = torch.arange(num_steps, dtype=dtype)
    t = (sigma_max ** (1 / rho) + i / (num_steps - 1) * (sigma_min ** (1 / rho) - sigma_max ** (1 / rho))) ** rho
    return torch.cat([t, torch.zeros_like(t[:1])])


def sample(net, noise, labels=None, gnet=None, draw=None, calls=None, num_steps=32, sigma_min=0.002, sigma_max=80, rho=7, guidance=1, S_churn=0, S_min=0, S_max=math.inf,
           S_noise=1, dtype=torch.float32):
    """`draw()` gives the noise of a churning step; `calls` collects (x, sigma, D) of every evaluation."""

    def denoise(x, t):
        main = net(x.float(), t, labels).to(dtype)
        if guidance != 1:
            guide = gnet(x.float(), t, labels).to(dtype)
            main = guide + guidance * (main - guide)
        if calls is not None:
            calls.append((x, t, main))
        return main

    t = time_steps(num_steps, sigma_min, sigma_max, rho, dtype)
    x = noise.to(dtype) * t[0]
    for i in range(num_steps):
        now, after = t[i], t[i + 1]
        if S_churn > 0 and S_min <= now <= S_max:
            gamma = min(S_churn / num_steps, math.sqrt(2) - 1)
            hat = now + gamma * now
            x = x + (hat**2 - now**2).sqrt() * S_noise * draw().to(dtype)
            now = hat
        slope = (x - denoise(x, now)) / now
        following = x + (after - now) * slope
        if i < num_steps - 1:
            second = (following - denoise(following, after)) / after
            following = x + (after - now) * (slope + second) / 2
        x = following
    return x
