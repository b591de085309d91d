"""check_public.py [DIR]: recomputes what the public fixtures recorded, with this peer alone. Prints a line per part, and ends with 1 when one is off."""

import json
import os
import sys

import numpy
import torch

import phema
import sampler
import tensors
from edm2 import Precond, Trainer, exponent, loss_map

failures = 0


def compare(part, actual, expected, tolerance, scale=None):
    global failures
    actual, expected = (torch.as_tensor(numpy.array(v.detach() if isinstance(v, torch.Tensor) else v)).double() for v in (actual, expected))
    scale = max(1.0, expected.abs().max().item() if expected.numel() else 1.0) if scale is None else scale
    error = (actual - expected).abs().max().item() / scale
    failures += not error <= tolerance
    print(f"{part:60} {error:9.2e} {tolerance:9.0e} {'ok' if error <= tolerance else 'OFF'}")


def under(values, prefix):
    return {name[len(prefix) :]: torch.tensor(value) for name, value in values.items() if name.startswith(prefix)}


def part_of(values, step):
    return {name: torch.tensor(values[f"{step}.{name}"]) if f"{step}.{name}" in values else None for name in ("images", "labels", "rnd_normal", "noise")}


def network(case, values):
    net = Precond(**case["config"]).eval()
    net.load_state_dict(under(values, "state0."), strict=True)
    assert list(net.state_dict()) == case["state_dict_order"] and [n for n, _ in net.named_parameters()] == case["parameter_order"]
    x, sigma, labels = (torch.tensor(values["in." + name]) for name in ("x", "sigma", "labels"))
    with torch.no_grad():
        denoised, logvar = net(x, sigma, labels, return_logvar=True)
        compare("eval.D", denoised, values["eval.D"], 1e-5)
        compare("eval.logvar", logvar, values["eval.logvar"], 1e-5)
        compare("eval.D_no_labels", net(x, sigma), values["eval.D_no_labels"], 1e-5)
        compare("eval.D_scalar_sigma", net(x, torch.tensor(0.7), labels), values["eval.D_scalar_sigma"], 1e-5)
        net.train()
        compare("train.D", net(x, sigma, labels), values["train.D"], 1e-5)
        compare("train.D_second_forward", net(x, sigma, labels), values["train.D_second_forward"], 1e-5)
    net.load_state_dict(under(values, "state0."))
    values_map = loss_map(net, **part_of(values, "loss"), **case["loss_config"])
    compare("loss.map", values_map, values["loss.map"], 1e-5)
    (values_map.sum() * case["loss"]["backward_scale"]).backward()
    for name, parameter in net.named_parameters():
        compare("grad." + name, parameter.grad, values["grad." + name], 1e-5, case["grad_global_max_abs"])
    net.load_state_dict(under(values, "state0."))
    trainer = Trainer(net, case["train"]["stds"], **case["train"]["lr_kwargs"])
    for row in case["train_trace"]:
        trace = trainer.step(row["cur_nimg_before"], [part_of(values, f"step{row['step']}")], case["train"]["loss_scaling"], **case["loss_config"])
        for key in ("lr", "loss_sum", "grad_l2_norm", "ema_beta"):
            compare(f"trace.{row['step']}.{key}", trace[key], row[key], 1e-5)
    for name, expected in under(values, "after3.net.").items():
        compare("after3.net." + name, net.state_dict()[name], expected, 3e-5)
    for std, average in trainer.averages.items():
        for name, value in average.items():
            compare(f"after3.ema{std:.3f}.{name}", value, values[f"after3.ema{std:.3f}.{name}"], 3e-5)


def sampling(case, values, folder):
    tiny, state = json.load(open(os.path.join(folder, "edm2_tiny.json"))), tensors.read(os.path.join(folder, "edm2_tiny.safetensors"))
    net = Precond(**tiny["config"]).eval()
    net.load_state_dict(under(state, "state0."))
    for item in case["cases"]:
        args = {k: v for k, v in item["args"].items() if k != "dtype"}
        dtype = torch.float64 if "float64" in item["args"].get("dtype", "") else torch.float32
        with torch.no_grad():
            out = sampler.sample(net, torch.tensor(values["A.noise"]), torch.tensor(values["A.labels"]), dtype=dtype, **args)
        compare(item["tag"], out, values[item["tag"] + ".out"], 2e-5)


def profiles(case):
    for row in case["std_to_exp"]:
        compare(f"exponent {row['std']}", exponent(row["std"]), row["exp"], 1e-10)
    for row in case["correlation"]:
        (ta, sa), (tb, sb) = row["a"], row["b"]
        compare("correlation", phema.inner(ta, exponent(sa), tb, exponent(sb)) / row["value"], 1, 1e-10)
    for row in case["response"]:
        compare("response", phema.response(row["ofs"], row["std"], row["len"]), row["resp"], 1e-12)
    for row in case["solve"]:
        times = row["out_ofs"] if isinstance(row["out_ofs"], list) else [row["out_ofs"]] * len(row["out_std"])
        compare(row["title"][:50], phema.solve(row["in_ofs"], row["in_std"], times, row["out_std"]), row["coefs"], 1e-7)


def reconstruction(case, values):
    states = [{n: v.numpy() for n, v in under(values, item["file"].removesuffix(".pkl") + ".").items()} for item in case["inputs"]]
    weights = phema.solve([i["nimg"] for i in case["inputs"]], [i["std"] for i in case["inputs"]], [case["out_nimg"]] * len(case["out_std"]), case["out_std"])
    compare("coefficients", weights, case["coefs"], 1e-7)
    parameters = set(under(values, "net0."))
    for column, output in enumerate(case["outputs"]):
        stem = output.removesuffix(".pkl")
        buffers = set(states[0]) - parameters
        for name, value in phema.combine(states, weights[:, column], buffers).items():
            compare(f"{stem}.{name}", value, values[f"{stem}.{name}"], 1e-3)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    load = lambda name: json.load(open(os.path.join(folder, name + ".json")))
    values = lambda name: tensors.read(os.path.join(folder, name + ".safetensors"))
    network(load("edm2_tiny"), values("edm2_tiny"))
    sampling(load("edm2_sampler"), values("edm2_sampler"), folder)
    profiles(load("phema"))
    reconstruction(load("phema_reconstruct_tiny"), values("phema_reconstruct_tiny"))
    print(f"{failures} parts are off")
    sys.exit(failures > 0)


main()
