"""Fetches weights with grpcio from nothing but the service's descriptor. fetch.py DESCRIPTORS HOST:PORT RUN LENGTH FILE"""
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

CASTAGNOLI = [0] * 256
for index in range(256):
    value = index
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    CASTAGNOLI[index] = value


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CASTAGNOLI[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def main(descriptors, address, run, length, path):
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(open(descriptors, "rb").read())
    for file in files.file:
        pool.Add(file)

    def message(name):
        descriptor = pool.FindMessageTypeByName("diffusion.v1." + name)
        if hasattr(message_factory, "GetMessageClass"):
            return message_factory.GetMessageClass(descriptor)
        return message_factory.MessageFactory(pool).GetPrototype(descriptor)

    channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", 8 << 20)])
    service = "/diffusion.v1.SnapshotService/"
    list_runs = channel.unary_unary(service + "ListRuns", message("ListRunsRequest").SerializeToString, message("ListRunsResponse").FromString)
    stream = channel.unary_stream(service + "StreamWeights", message("StreamWeightsRequest").SerializeToString, message("StreamWeightsResponse").FromString)

    print("runs", ",".join(r.name for r in list_runs(message("ListRunsRequest")(), timeout=30).runs))
    request = message("StreamWeightsRequest")()
    request.weights.run = run
    request.weights.relative_std = float(length)
    size, done = None, 0
    with open(path, "wb") as out:
        for part in stream(request, timeout=60):
            if part.WhichOneof("part") == "header":
                size = part.header.bytes
                print("digest", part.header.content_id)
                continue
            chunk = part.chunk
            assert chunk.offset == done and crc32c(chunk.data) == chunk.crc32c, f"chunk at {chunk.offset} is damaged"
            out.write(chunk.data)
            done += len(chunk.data)
    assert done == size, f"{done} of {size} bytes"

    request.weights.relative_std = 0.5
    try:
        next(stream(request, timeout=30))
        raise AssertionError("a length of 0.5 was answered")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "0.289" in error.details(), error
    print("done")


main(*sys.argv[1:])
