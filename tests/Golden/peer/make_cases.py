"""make_cases.py DIR [--seed S] [--count N] [--kinds a,b]: random cases in the format of the public fixtures, computed by this peer alone.

Each case is a pair NAME.json, NAME.safetensors; run them with './launch.sh golden DIR'. The seed decides everything; a failing case is made again from it."""

import argparse
import json
import math
import os

import numpy
import torch

import phema
import sampler
import tensors
from edm2 import EPSILON, Precond, Trainer, exponent, learning_rate, loss_map, mp_cat, mp_silu, mp_sum, normalize, relative_std, resample, Weight


def save(folder, name, case, values=None):
    with open(os.path.join(folder, name + ".json"), "w") as file:
        json.dump({**case, "name": name, "tensors_file": name + ".safetensors" if values is not None else None}, file)
    if values is not None:
        tensors.write(os.path.join(folder, name + ".safetensors"), {k: v.detach().numpy() if isinstance(v, torch.Tensor) else v for k, v in values.items()})


def pick(rng, *choices):
    return choices[rng.integers(len(choices))]


def random_config(rng, small=False):
    """Widths, depths, heads, resolutions, latents, labels or none: anything the rules allow, small enough for a CPU."""
    levels = int(rng.integers(1, 4))
    channels = pick(rng, 4, 8, 12, 16) if small else pick(rng, 4, 8, 12, 16, 20, 24)
    resolution = pick(rng, 8, 16) if small or levels < 3 else pick(rng, 8, 16, 32)
    config = {
        "use_fp16": bool(rng.integers(2)),
        "img_resolution": resolution,
        "img_channels": pick(rng, 1, 3, 4),
        "label_dim": pick(rng, 0, 0, 1, 3, 10),
        "model_channels": channels,
        "channel_mult": [int(m) for m in rng.integers(1, 4, levels)],
        "num_blocks": int(rng.integers(1, 4)),
        "attn_resolutions": [r for r in (resolution, resolution // 2, resolution // 4) if r <= 16 and rng.random() < 0.5],
        "channels_per_head": pick(rng, 2, 4, 8, 16, 64),
    }
    optional = {
        "channel_mult_noise": int(rng.integers(1, 3)), "channel_mult_emb": int(rng.integers(1, 4)), "label_balance": round(float(rng.uniform(0.2, 0.8)), 3),
        "concat_balance": round(float(rng.uniform(0.2, 0.8)), 3), "res_balance": round(float(rng.uniform(0.1, 0.6)), 3), "attn_balance": round(float(rng.uniform(0.1, 0.6)), 3),
        "clip_act": pick(rng, 1.5, 16, 256, None), "resample_filter": pick(rng, [1, 1], [1, 3, 3, 1]), "sigma_data": pick(rng, 0.25, 0.5, 1.0), "logvar_channels": pick(rng, 16, 128, 33),
    }
    config.update({key: value for key, value in optional.items() if rng.random() < 0.3})
    return config


def random_network(rng, config):
    """Weights that are not normalised and gains that are not zero, so that everything matters."""
    net = Precond(**config).eval()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if parameter.ndim == 0:
                parameter.fill_(float(rng.uniform(0.2, 1.2)) * (1 if rng.random() < 0.7 else -1))
            else:
                parameter.mul_(float(rng.uniform(0.5, 2)))
    return net


def one_hot(rng, count, dim):
    return None if dim == 0 else torch.eye(dim)[torch.tensor(rng.integers(0, dim, count))]


def draws(rng, config, count):
    shape = [count, config["img_channels"], config["img_resolution"], config["img_resolution"]]
    images = torch.randn(shape) * config.get("sigma_data", 0.5)
    return {"images": images, "labels": one_hot(rng, count, config["label_dim"]), "rnd_normal": torch.randn(count, 1, 1, 1), "noise": torch.randn(shape)}


def with_other_kernels(compute):
    torch.backends.mkldnn.enabled = False
    try:
        return compute()
    finally:
        torch.backends.mkldnn.enabled = True


def network_case(folder, name, rng):
    config = random_config(rng)
    net = random_network(rng, config)
    start = {n: v.clone() for n, v in net.state_dict().items()}
    values = {"state0." + n: v for n, v in start.items()}
    count = int(rng.integers(1, 5))
    x = torch.randn(count, config["img_channels"], config["img_resolution"], config["img_resolution"])
    sigma = torch.exp(torch.randn(count) * 1.5)
    labels = one_hot(rng, count, config["label_dim"])
    values.update({"in.x": x * (1 + sigma.reshape(-1, 1, 1, 1)), "in.sigma": sigma})
    x = values["in.x"]
    if labels is not None:
        values["in.labels"] = labels
    hooks = []
    for part, module in net.named_modules():
        # What the rules call modules: embeddings, blocks, the two outer convolutions.
        if part and part.count(".") <= (2 if part.startswith(("unet.enc.", "unet.dec.")) else 1) and part not in ("unet", "unet.enc", "unet.dec", "logvar_linear"):
            hooks.append(module.register_forward_hook(lambda _, __, output, part=part: values.__setitem__("eval.act." + part, output.clone())))
    with torch.no_grad():
        values["eval.D"], values["eval.logvar"] = net(x, sigma, labels, return_logvar=True)
        values["eval.act.unet.emb(after mp_silu)"] = net.unet.emb
        for hook in hooks:
            hook.remove()
        values["eval.D_no_labels"] = net(x, sigma)
        values["eval.D_scalar_sigma"] = net(x, torch.tensor(0.7), labels)
        net.train()
        values["train.D"], values["train.logvar"] = net(x, sigma, labels, return_logvar=True)
        chosen = [n for n, p in net.named_parameters() if p.ndim > 0 and rng.random() < 0.3]
        values.update({"train.state_after_forward." + n: net.state_dict()[n].clone() for n in chosen})
        values["train.D_second_forward"], _ = net(x, sigma, labels, return_logvar=True)
    rms = {n: net.state_dict()[n].double().square().mean().sqrt().item() for n in chosen}
    net.load_state_dict(start)
    loss_config = {"P_mean": round(float(rng.uniform(-1.2, 0.4)), 2), "P_std": round(float(rng.uniform(0.6, 1.6)), 2), "sigma_data": config.get("sigma_data", 0.5)}
    part = draws(rng, config, int(rng.integers(1, 5)))
    values.update({"loss." + n: v for n, v in part.items() if v is not None})
    scale = float(rng.uniform(0.1, 1))
    values["loss.map"] = loss_map(net, **part, **loss_config)
    (values["loss.map"].sum() * scale).backward()
    gradients = {n: p.grad.clone() for n, p in net.named_parameters()}
    largest = max(g.abs().max().item() for g in gradients.values())
    # Gradients of gains are sums of many terms that cancel: where float32 rounds them by much, there is nothing to compare.
    wide = Precond(**config).train().double()
    wide.load_state_dict(start)
    (loss_map(wide, **{n: None if v is None else v.double() for n, v in part.items()}, **loss_config).sum() * scale).backward()
    noise = {n: (p.grad - gradients[n]).abs().max().item() / largest for n, p in wide.named_parameters()}
    noisy = max((v for n, v in noise.items() if gradients[n].ndim == 0), default=0) > 1.5e-6
    values.update({"grad." + n: g for n, g in gradients.items() if noise[n] < 1.5e-6 and not (noisy and g.ndim == 0)})
    net.load_state_dict(start)
    rounds = pick(rng, 1, 1, 2)
    batch = rounds * int(rng.integers(2, 5))
    seen = batch * int(rng.integers(0, 30))
    stds = pick(rng, [0.05, 0.1], [0.03], [0.02, 0.15, 0.25])
    rate = {"ref_lr": round(float(rng.uniform(0.002, 0.02)), 4), "ref_batches": int(rng.integers(0, 20)), "rampup_Mimg": pick(rng, 0, 0.0002, 0.00005)}
    loss_scaling, first = pick(rng, 1, 1, 100), seen
    trainer, twin, trace, steps = Trainer(net, stds, **rate), Trainer(Precond(**config), stds, **rate), [], 0
    twin.net.load_state_dict(start)
    after = {}
    while steps < 3:
        part = draws(rng, config, batch)
        parts = [{n: None if v is None else v[i * batch // rounds : (i + 1) * batch // rounds] for n, v in part.items()} for i in range(rounds)]
        row, other = trainer.step(seen, parts, loss_scaling, **loss_config), with_other_kernels(lambda: twin.step(seen, parts, loss_scaling, **loss_config))
        # Adam takes a full step along gradients of the size of rounding, too. Steps that differ by themselves between two sets of kernels prove nothing.
        moved = max((p - q).abs().max().item() for p, q in zip(net.parameters(), twin.net.parameters()))
        if moved > 1e-5 or abs(row["loss_sum"] / other["loss_sum"] - 1) > 3e-6 or abs(row["grad_l2_norm"] / other["grad_l2_norm"] - 1) > 3e-6:
            break
        values.update({f"step{steps}.{n}": v for n, v in part.items() if v is not None})
        trace.append({"step": steps, **row})
        steps, seen = steps + 1, seen + batch
        after = {"net." + n: p.detach().clone() for n, p in net.named_parameters()}
        after.update({f"ema{std:.3f}.{n}": v.clone() for std, average in trainer.averages.items() for n, v in average.items()})
    values.update({f"after{steps}.{n}": v for n, v in after.items()})
    case = {
        "kind": "edm2_network", "title": "random network", "config": config, "loss_config": loss_config, "state_dict_order": list(start), "parameter_order": list(gradients),
        "num_params": sum(p.numel() for p in net.parameters()), "dropout": 0, "train_weight_rms_after_two_forwards": rms,
        "loss": {"sum": values["loss.map"].double().sum().item(), "mean": values["loss.map"].double().mean().item(), "backward_scale": scale},
        "grad_global_max_abs": largest,
    }
    if steps > 0:
        case["train"] = {"steps": steps, "batch_size": batch, "start_nimg": first, "rounds": rounds, "loss_scaling": loss_scaling, "stds": stds, "lr_kwargs": rate}
        case["train_trace"] = trace
    save(folder, name, case, values)


def sampler_case(folder, name, rng):
    config = random_config(rng, small=True)
    guide_config = {**random_config(rng, small=True), **{k: config[k] for k in ("img_resolution", "img_channels")}}
    guide_config["label_dim"] = config["label_dim"] if rng.random() < 0.5 else 0
    net, guide = random_network(rng, config), random_network(rng, guide_config)
    values = {**{"A.state0." + n: v for n, v in net.state_dict().items()}, **{"guide.state0." + n: v for n, v in guide.state_dict().items()}}
    count = int(rng.integers(1, 4))
    noise, labels = torch.randn(count, config["img_channels"], config["img_resolution"], config["img_resolution"]), one_hot(rng, count, config["label_dim"])
    values["A.noise"] = noise
    if labels is not None:
        values["A.labels"] = labels
    cases = []
    for number in range(3):
        args = {"num_steps": int(rng.integers(2, 9))}
        optional = {"sigma_min": 0.01, "sigma_max": pick(rng, 20, 80), "rho": pick(rng, 3, 5, 7), "S_churn": float(rng.integers(1, 6)), "S_min": 0.05, "S_max": pick(rng, 10.0, 50.0), "S_noise": 1.003}
        args.update({k: v for k, v in optional.items() if rng.random() < 0.4})
        guided = bool(rng.random() < 0.5)
        if guided:
            args["guidance"] = round(float(rng.uniform(0.5, 3)), 2)
        dtype = torch.float64 if rng.random() < 0.3 else torch.float32
        drawn, calls, tag = [], [], f"A.case{number}"

        def draw():
            drawn.append(torch.randn(noise.shape))
            return drawn[-1]

        with torch.no_grad():
            values[tag + ".out"] = sampler.sample(net, noise, labels, guide, draw, calls, dtype=dtype, **args)
            given = iter(drawn.copy())
            other = with_other_kernels(lambda: sampler.sample(net, noise, labels, guide, lambda: next(given), dtype=dtype, **args))
        if drawn:
            values[tag + ".churn_noise"] = torch.stack(drawn)
        values[tag + ".call_sigma"] = torch.stack([t for _, t, _ in calls]).double()
        cases.append({"tag": tag, "args": {**args, **({"dtype": "torch.float64"} if dtype == torch.float64 else {})}, "draws": len(drawn), "guided": guided,
                      "noise_estimate_max_abs": (other - values[tag + ".out"]).abs().max().item()})
    case = {"kind": "edm2_sampler", "title": "random network, random sampler", "networks": {"A": {"config": config}}, "guiding_network_config": guide_config, "network_config": config, "cases": cases}
    save(folder, name, case, values)


def random_history(rng, longest=40):
    """Snapshots of a run, at times that are multiples of 1024, of one to three lengths."""
    times = numpy.cumsum(rng.integers(1, 40, rng.integers(1, longest)) if rng.random() < 0.3 else numpy.full(rng.integers(1, longest), rng.integers(1, 64))) * 1024
    stds = sorted(pick(rng, [0.05, 0.1], [0.1], [0.02, 0.2], [0.01, 0.05, 0.15], [0.13, 0.28]))
    return [(int(t), s) for t in times for s in stds]


def phema_case(folder, name, rng):
    stds, exponents = [round(float(s), 6) for s in rng.uniform(0.004, 0.288, 12)], [round(float(g), 4) for g in rng.uniform(0, 150, 8)]
    case = {"kind": "phema", "std_to_exp": [{"std": s, "exp": exponent(s)} for s in stds], "exp_to_std": [{"exp": g, "std": relative_std(g)} for g in exponents], "beta": [], "correlation": [], "response": [], "solve": []}
    for std in stds:
        delta = int(rng.integers(1, 4096))
        after = delta * int(rng.integers(1, 1000))
        case["beta"].append({"std": std, "t_next": after, "t_delta": delta, "beta": (1 - delta / after) ** (exponent(std) + 1)})
        (ta, tb), (sa, sb) = rng.integers(1000, 10**8, 2), rng.choice(stds, 2)
        case["correlation"].append({"a": [int(ta), float(sa)], "b": [int(tb), float(sb)], "value": phema.inner(float(ta), exponent(sa), float(tb), exponent(sb))})
    for _ in range(3):
        ofs, std = int(rng.integers(4, 60)), pick(rng, *stds)
        case["response"].append({"ofs": ofs, "std": std, "len": ofs + 3, "resp": phema.response(ofs, std, ofs + 3).tolist()})
    while len(case["solve"]) < 6:
        history, wanted = random_history(rng, longest=8), [round(float(s), 4) for s in rng.uniform(0.02, 0.27, rng.integers(1, 5))]
        times, lengths = [t for t, _ in history], [s for _, s in history]
        target = pick(rng, *times)
        weights = phema.solve(times, lengths, [target] * len(wanted), wanted)
        kept = [i for i, t in enumerate(times) if t <= target]
        gram = numpy.array([[phema.inner(times[i], exponent(lengths[i]), times[k], exponent(lengths[k])) for k in kept] for i in kept])
        # Where two solvers in double precision already differ by more than the tolerance, nothing can be compared.
        if numpy.linalg.cond(gram) > 1e8 or numpy.abs(weights).max() > 50:
            continue
        case["solve"].append({"title": f"{len(history)} snapshots", "in_ofs": times, "in_std": lengths, "out_ofs": target, "out_std": wanted, "coefs": weights.tolist(), "column_sums": weights.sum(axis=0).tolist()})
    save(folder, name, case)


def reconstruct_case(folder, name, rng):
    while True:
        history = random_history(rng)
        last, wanted = history[-1][0], sorted({round(float(s), 3) for s in rng.uniform(0.03, 0.25, rng.integers(1, 6))})
        weights = phema.solve([t for t, _ in history], [s for _, s in history], [last] * len(wanted), wanted)
        if numpy.abs(weights).max() < 30 and len({(t // 1000, f"{s:.3f}") for t, s in history}) == len(history):
            break
    shapes = {"gain": [], "layers.0.weight": [int(n) for n in rng.integers(1, 9, 2)], "layers.1.weight": [int(n) for n in rng.integers(1, 5, 4)], "some_buffer": [3]}
    states = [{n: rng.standard_normal(s).astype(numpy.float16) for n, s in shapes.items()} for _ in history]
    inputs = [{"file": f"network-snapshot-{t // 1000:07d}-{s:.3f}.pkl", "nimg": t, "std": s} for t, s in history]
    outputs = [f"phema-{last // 1000:07d}-{s:.3f}.pkl" for s in wanted]
    values = {}
    for item, state in zip(inputs, states):
        values.update({f"{item['file'][:-4]}.{n}": v for n, v in state.items()})
    for column, output in enumerate(outputs):
        values.update({f"{output[:-4]}.{n}": v for n, v in phema.combine(states, weights[:, column], {"some_buffer"}).items()})
    case = {"kind": "phema_reconstruct", "inputs": inputs, "coefs": weights.tolist(), "used_inputs": [i["file"] for i in inputs], "out_nimg": last, "out_std": wanted, "outputs": outputs}
    save(folder, name, case, values)


def tuple_seed(*numbers):
    return hash(numbers) % (1 << 31)


def endless(size, count, rank, replicas, seed, start):
    found, position, orders = [], start + rank, {}
    while len(found) < count:
        epoch = position // size
        if epoch not in orders:
            orders[epoch] = numpy.arange(size)
            numpy.random.RandomState(tuple_seed(seed, epoch)).shuffle(orders[epoch])
        found.append(int(orders[epoch][position % size]))
        position += replicas
    return found


def subset(size, most, seed):
    order = numpy.arange(size)
    numpy.random.RandomState(seed % (1 << 31)).shuffle(order)
    return sorted(int(i) for i in order[:most])


def seed_batches(count, most, world):
    batches = max((count - 1) // (most * world) + 1, 1) * world
    parts = [part.tolist() for part in numpy.array_split(numpy.arange(count), batches)]
    return [[part for part in parts[rank::world] if part] for rank in range(world)]


def schedules_case(folder, name, rng):
    case = {"kind": "schedules", "learning_rate": [], "traditional_ema_beta": [], "t_steps": [], "seed_from_tuple": [], "infinite_sampler": [], "dataset_max_size_subset": [], "kimg_to_nimg": [],
            "snapshot_names": [], "parse_nimg": [], "seed_batches": []}
    for _ in range(8):
        seen, batch = int(rng.integers(0, 10**9)), int(2 ** rng.integers(3, 12))
        rate = {"ref_lr": float(rng.uniform(1e-4, 0.02)), "ref_batches": int(rng.integers(0, 70000)), "rampup_Mimg": int(rng.integers(0, 20))}
        case["learning_rate"].append({"cur_nimg": seen, "batch_size": batch, **rate, "lr": learning_rate(seen, batch, **rate)})
        half, ratio = float(rng.uniform(0.1, 5)), pick(rng, None, 0.09, 0.05)
        length = half if ratio is None else min(half, seen / 1e6 * ratio)
        case["traditional_ema_beta"].append({"cur_nimg": seen, "batch_size": batch, "halflife_Mimg": half, "rampup_ratio": ratio, "beta": 0.5 ** (batch / max(length * 1e6, 1e-8))})
        steps = {"num_steps": int(rng.integers(2, 50)), "sigma_min": float(rng.uniform(0.001, 0.1)), "sigma_max": float(rng.uniform(1, 100)), "rho": int(rng.integers(1, 9))}
        dtype = pick(rng, torch.float32, torch.float64)
        case["t_steps"].append({**steps, "dtype": str(dtype)[6:], "t": sampler.time_steps(**steps, dtype=dtype)[:-1].double().tolist()})
        numbers = [int(n) for n in rng.integers(-(2**62), 2**62, rng.integers(1, 4))] if rng.random() < 0.5 else [int(n) for n in rng.integers(-3, 5, rng.integers(1, 5))]
        case["seed_from_tuple"].append({"tuple": numbers, "python_hash": hash(tuple(numbers)), "seed": tuple_seed(*numbers)})
        size, replicas = int(rng.integers(1, 300)), int(rng.integers(1, 6))
        row = {"dataset_size": size, "count": int(rng.integers(1, 400)), "rank": int(rng.integers(0, replicas)), "num_replicas": replicas, "seed": int(rng.integers(0, 1000)), "start_idx": int(rng.integers(0, 3000))}
        case["infinite_sampler"].append({**row, "indices": endless(size, row["count"], row["rank"], replicas, row["seed"], row["start_idx"])})
        size = int(rng.integers(2, 3000))
        most, seed = int(rng.integers(1, size)), int(rng.integers(0, 2**40))
        case["dataset_max_size_subset"].append({"size": size, "max_size": most, "random_seed": seed, "raw_idx": subset(size, most, seed)})
        nimg, std = int(rng.integers(0, 2**21)) * 1024, round(float(rng.uniform(0.001, 0.288)), 3)
        case["kimg_to_nimg"].append({"kimg": nimg // 1000, "nimg": nimg})
        case["snapshot_names"].append({"nimg": nimg, "std": std, "name": f"network-snapshot-{nimg // 1000:07d}-{std:.3f}.pkl"})
        suffix, number = pick(rng, ("", 1), ("Ki", 2**10), ("Mi", 2**20), ("Gi", 2**30)), int(rng.integers(1, 4000))
        case["parse_nimg"].append({"s": f"{number}{suffix[0]}", "out": number * suffix[1]})
        row = {"num_seeds": int(rng.integers(1, 100)), "max_batch": int(rng.integers(1, 20)), "world": int(rng.integers(1, 6))}
        case["seed_batches"].append({**row, "per_rank": seed_batches(row["num_seeds"], row["max_batch"], row["world"])})
    save(folder, name, case, {"none": numpy.zeros(1, numpy.float32)})


def frechet_case(folder, name, rng):
    values, cases = {}, []
    for number in range(3):
        dim, n = int(rng.integers(2, 40)), int(rng.integers(3, 200))
        tag, statistics = f"case{number}", []
        mixing = rng.standard_normal((dim, dim))
        for which, count in (("gen", n), ("ref", n + int(rng.integers(0, 30)))):
            features = (rng.standard_normal((count, dim)) @ mixing + rng.standard_normal(dim)).astype(numpy.float32)
            wide = features.astype(numpy.float64)
            mu = wide.mean(axis=0)
            sigma = (wide.T @ wide - count * numpy.outer(mu, mu)) / (count - 1)
            statistics.append((mu, sigma))
            values.update({f"{tag}.features_{which}": features, f"{tag}.mu_{which}": mu, f"{tag}.sigma_{which}": sigma})
        (ma, sa), (mb, sb) = statistics
        # The trace of the root of a product of two positive semidefinite matrices: the sum of the roots of its eigenvalues.
        roots = numpy.sqrt(numpy.maximum(numpy.linalg.eigvals(sa @ sb).real, 0)).sum()
        cases.append({"tag": tag, "dim": dim, "n": n, "fd": float(((ma - mb) ** 2).sum() + numpy.trace(sa) + numpy.trace(sb) - 2 * roots)})
    save(folder, name, {"kind": "frechet", "cases": cases}, values)


def ops_case(folder, name, rng):
    values, cases = {}, []

    def tensor(*shape):
        return torch.randn([int(s) for s in shape])

    def add(op, out, result, **row):
        values[out] = result
        cases.append({"op": op, "out": out, **row})

    n, c, h, w = rng.integers(1, 5), rng.integers(1, 7), rng.integers(2, 9), rng.integers(2, 9)
    values["n.x"] = tensor(n, c, h, w) * float(rng.uniform(0.01, 10))
    add("normalize", "n.all", normalize(values["n.x"]), input="n.x", dims="all but first", eps=EPSILON)
    add("normalize", "n.one", normalize(values["n.x"], [1]), input="n.x", dims=[1], eps=EPSILON)
    values["s.x"] = tensor(30) * 5
    add("mp_silu", "s.out", mp_silu(values["s.x"]), input="s.x")
    values["a"], values["b"], values["c"] = tensor(n, c, h, w), tensor(n, c, h, w), tensor(n, rng.integers(1, 9), h, w)
    t = round(float(rng.uniform(0.05, 0.95)), 3)
    add("mp_sum", f"sum.t{t}", mp_sum(values["a"], values["b"], t), a="a", b="b", t=t)
    add("mp_cat", f"cat.t{t}", mp_cat(values["a"], values["c"], t), a="a", b="c", t=t, dim=1)
    count = rng.integers(1, 20)
    values["f.freqs"], values["f.phases"], values["f.x"] = 2 * math.pi * tensor(count), 2 * math.pi * torch.rand(int(count)), tensor(4)
    add("MPFourier", "f.out", math.sqrt(2) * torch.cos(torch.outer(values["f.x"], values["f.freqs"]) + values["f.phases"]), input="f.x", buffers=["f.freqs", "f.phases"])
    values["r.x"] = tensor(2, c, 2 * rng.integers(2, 6), 8)
    for taps in ([1, 1], [1, 3, 3, 1], [1, 2, 4, 4, 2, 1]):
        for mode in ("down", "up"):
            add("resample", f"r.{mode}.{''.join(map(str, taps))}", resample(values["r.x"], taps, mode), input="r.x", filter=taps, mode=mode)
    save(folder, name, {"kind": "edm2_ops", "cases": cases}, values)


KINDS = {"network": network_case, "sampler": sampler_case, "phema": phema_case, "reconstruct": reconstruct_case, "schedules": schedules_case, "frechet": frechet_case, "ops": ops_case}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1, help="cases of each kind")
    parser.add_argument("--kinds", default=",".join(KINDS))
    options = parser.parse_args()
    os.makedirs(options.directory, exist_ok=True)
    for kind in options.kinds.split(","):
        for number in range(options.count):
            seed = [options.seed, number, list(KINDS).index(kind)]
            torch.manual_seed(tuple_seed(*seed))
            KINDS[kind](options.directory, f"{kind}_{options.seed}_{number}", numpy.random.default_rng(seed))


main()
