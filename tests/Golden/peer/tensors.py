"""safetensors files: eight bytes of header length, a JSON header, raw little-endian tensors."""

import json
import struct

import numpy

TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "U8": "|u1", "I32": "<i4", "I64": "<i8"}
NAMES = {numpy.dtype(code): name for name, code in TYPES.items()}


def read(path):
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = numpy.frombuffer(content[8 + length + begin : 8 + length + end], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def write(path, tensors):
    header, body = {}, b""
    for name, values in tensors.items():
        values = numpy.asarray(values)
        data = values.tobytes()
        header[name] = {"dtype": NAMES[values.dtype], "shape": list(values.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)
