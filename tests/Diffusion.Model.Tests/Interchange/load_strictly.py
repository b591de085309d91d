"""load_strictly.py SNAPSHOT MODEL: loads a snapshot into a module tree made from MODEL (JSON) and says what the tree then holds.

Prints a line of JSON per tensor in the order of the state dictionary: name, shape, SHA-256 of its float32 bytes."""

import hashlib
import json
import math
import struct
import sys

import torch

from module_tree import Denoiser

TYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}


def read(path):
    with open(path, "rb") as file:
        content = bytearray(file.read())
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        count = math.prod(entry["shape"])
        dtype = TYPES[entry["dtype"]]
        assert end - begin == count * torch.empty((), dtype=dtype).element_size(), name
        tensors[name] = torch.frombuffer(content, dtype=dtype, count=count, offset=8 + length + begin).reshape(entry["shape"])
    return tensors


snapshot, model = sys.argv[1:]
network = Denoiser(json.loads(model))
network.load_state_dict(read(snapshot), strict=True)
for name, tensor in network.state_dict().items():
    values = tensor.contiguous().numpy()
    assert values.dtype == "float32", name
    print(json.dumps({"name": name, "shape": list(tensor.shape), "sha256": hashlib.sha256(values.tobytes()).hexdigest()}))
