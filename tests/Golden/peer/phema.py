"""Power-function averages and their post-hoc combination (arXiv:2312.02696, Section 3 and Appendix C), in float64."""

import numpy

from edm2 import exponent


def inner(ta, ga, tb, gb):
    """Integral of the product of two densities; the ratio of times is raised to the exponent of the profile that ends later."""
    last, ratio = max(ta, tb), min(ta, tb) / max(ta, tb)
    return (ga + 1) * (gb + 1) * ratio ** (gb if tb > ta else ga) / ((ga + gb + 1) * last)


def solve(in_times, in_stds, out_times, out_stds):
    """Weight of every input (row) in every output (column)."""
    inputs = [(float(t), exponent(s)) for t, s in zip(in_times, in_stds)]
    outputs = [(float(t), exponent(s)) for t, s in zip(out_times, out_stds)]
    a = numpy.array([[inner(*i, *k) for k in inputs] for i in inputs])
    b = numpy.array([[inner(*i, *o) for o in outputs] for i in inputs])
    x = numpy.linalg.solve(a, b)
    return x / x.sum(axis=0)


def response(ofs, std, length):
    t = numpy.arange(length, dtype=numpy.float64)
    g = exponent(std)
    values = numpy.where(t <= ofs, (t / ofs) ** g * (g + 1) / ofs, 0.0)
    return values / values.sum()


def combine(states, weights, buffers):
    """float16 states in order, one column of weights -> float16 state; buffers are the last input's."""
    out = {}
    for name in states[0]:
        if name in buffers:
            out[name] = states[-1][name]
            continue
        total = numpy.zeros(states[0][name].shape, numpy.float32)
        for state, weight in zip(states, weights):
            total += state[name].astype(numpy.float32) * numpy.float32(weight)
        out[name] = total.astype(numpy.float16)
    return out
