#!/usr/bin/python3
"""An evaluator in Python, a template for metrics of your own: leases parts of jobs, fetches weights, measures with numpy, reports.

evaluate.py HOST:GRPC_PORT HOST:HTTP_PORT [RUN LENGTH SEEDS]    with RUN, submits such a job first; needs python3-grpcio, python3-protobuf, python3-numpy

external:shrinkage is how much averaging has cancelled: a seed draws one output row of one weight, its number is 1 - |row| / sqrt(fan-in), 0 in training.
The score is the mean over seeds. Your metric: another NAME, and another value()."""
import functools, hashlib, json, platform, struct, sys, urllib.request, uuid
import grpc, numpy
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

NAME = "external:shrinkage"
GRPC, HTTP, *JOB = sys.argv[1:]
POOL = descriptor_pool.DescriptorPool()
for file in descriptor_pb2.FileDescriptorSet.FromString(urllib.request.urlopen(f"http://{HTTP}/descriptors", timeout=60).read()).file:
    POOL.Add(file)
METHODS = POOL.FindServiceByName("diffusion.v1.EvaluationService").methods_by_name
CLASS_OF = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(POOL).GetPrototype
CHANNEL = grpc.insecure_channel(GRPC)

def call(rpc, /, timeout=60, **fields):
    """One call; Report is a stream of messages, given as 'messages'."""
    method = METHODS[rpc]
    request, connect = CLASS_OF(method.input_type), CHANNEL.stream_unary if rpc == "Report" else CHANNEL.unary_unary
    stub = connect(f"/diffusion.v1.EvaluationService/{rpc}", request.SerializeToString, CLASS_OF(method.output_type).FromString)
    return stub(iter([request(**m) for m in fields["messages"]]) if rpc == "Report" else request(**fields), timeout=timeout)

def crc32c(data, crc=0xFFFFFFFF):
    for byte in data:
        crc = functools.reduce(lambda c, _: c >> 1 ^ (0x82F63B78 if c & 1 else 0), range(8), crc ^ byte)
    return crc ^ 0xFFFFFFFF

@functools.lru_cache(maxsize=2)
def weights(run, images, length):
    data = urllib.request.urlopen(f"http://{HTTP}/runs/{run}/snapshots/{images}/ema/{length}.safetensors?precision=float32", timeout=600).read()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = [t for name, t in json.loads(data[8 : 8 + size]).items() if name != "__metadata__" and t["dtype"] == "F32" and len(t["shape"]) > 1]
    return [numpy.frombuffer(data, "<f4", (t["data_offsets"][1] - t["data_offsets"][0]) // 4, 8 + size + t["data_offsets"][0]).reshape(t["shape"][0], -1) for t in tensors]

def value(seed, tensors):
    random = numpy.random.default_rng(seed)
    tensor = tensors[random.integers(len(tensors))]
    return 1 - numpy.linalg.norm(tensor[random.integers(len(tensor))].astype(numpy.float64)) / numpy.sqrt(tensor.shape[1])

me = dict(evaluator_id=uuid.uuid4().hex, name=platform.node())
numerics = f"numpy {numpy.__version__} {platform.machine()}"
if JOB:
    call("SubmitEvaluations", jobs=[dict(run=JOB[0], relative_std=float(JOB[1]), count=int(JOB[2]), metrics=[dict(name=NAME)], settings_json='{"kind": "shrinkage"}')])
while not (lease := call("Lease", **me, protocol=1, build="evaluate.py", numerics=numerics, metrics=[NAME], wait_seconds=2)).all_over:
    if lease.HasField("task"):
        task = lease.task
        values = []
        for seed in range(task.first_seed, task.first_seed + task.count):
            values.append(value(seed, weights(task.job.run, task.job.images_seen, task.job.relative_std)))
            if len(values) % 64 == 0 and call("Renew", **me, run=task.job.run, key=task.key, part=task.part, seeds_done=len(values)).lost:
                break
        else:
            sums = struct.pack("<3d", len(values), sum(values), sum(v * v for v in values))
            header = dict(**me, run=task.job.run, key=task.key, part=task.part, numerics=numerics, statistics=dict(sha256=hashlib.sha256(sums).hexdigest(), bytes=len(sums)))
            print(f"seeds from {task.first_seed}:", call("Report", messages=[dict(header=header), dict(piece=dict(data=sums, crc32c=crc32c(sums)))]).reason or "reported")
