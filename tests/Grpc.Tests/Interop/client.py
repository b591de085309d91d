"""Calls a server: client.py DESCRIPTORS ADDRESS. Prints one line for each thing that holds; exits non-zero at the first that does not."""

import sys

import grpc
from google.protobuf import descriptor_pb2

from probe_messages import Messages, check

BOUND = 20


def failure(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    return None


def main(descriptors, address):
    messages = Messages(descriptors)
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(address, options=options) as channel:
        stub = messages.stub(channel, "probe.v1.ProbeService")
        calls(messages, stub)
        endings(messages, stub)
        services(messages, channel)


def calls(messages, stub):
    echo, add, chat = (messages.type(f"probe.v1.{name}") for name in ("EchoRequest", "SumRequest", "ChatRequest"))
    payload = bytes(range(256)) * 4096
    headers = (("x-run", "img64-xs"), ("x-hash-bin", b"\x00\xff\x80"))
    response, call = stub.Echo.with_call(echo(text="höchst", payload=payload), metadata=headers, timeout=BOUND)
    check(response.text == "höchst" and response.payload == payload, "unary, 1 MB")
    for name, received in (("headers", call.initial_metadata()), ("trailers", call.trailing_metadata())):
        received = dict(received)
        check(received.get("x-run") == "img64-xs" and received.get("x-hash-bin") == b"\x00\xff\x80", f"{name}, text and bytes")
    compressed = stub.Echo(echo(payload=payload), compression=grpc.Compression.Gzip, timeout=BOUND)
    check(compressed.payload == payload, "unary, gzip")
    total = stub.Sum((add(value=value) for value in range(-10, 100)), timeout=BOUND)
    check(total.total == sum(range(-10, 100)) and total.count == 110, "client stream")
    count = messages.type("probe.v1.CountRequest")
    numbers = [each.number for each in stub.Count(count(count=500, payload_bytes=1000), timeout=BOUND)]
    check(numbers == list(range(500)), "server stream")
    answers = [each.text for each in stub.Chat((chat(text=text) for text in ("one", "two")), timeout=BOUND)]
    check(answers == ["ONE", "TWO"], "duplex stream")


def endings(messages, stub):
    fail, hang = messages.type("probe.v1.FailRequest"), messages.type("probe.v1.HangRequest")
    for code in grpc.StatusCode:
        if code is grpc.StatusCode.OK:
            continue
        error = failure(lambda: stub.Fail(fail(status_code=code.value[0], detail="σ → 0 %\n"), timeout=BOUND))
        check(error is not None and error.code() is code and error.details() == "σ → 0 %\n", f"status {code.name}")
    error = failure(lambda: stub.Hang(hang(), timeout=0.3))
    check(error is not None and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED, "deadline")
    call = stub.Hang.future(hang(), timeout=BOUND)
    call.cancel()
    check(call.code() is grpc.StatusCode.CANCELLED, "cancel")


def services(messages, channel):
    health = messages.stub(channel, "grpc.health.v1.Health")
    request = messages.type("grpc.health.v1.HealthCheckRequest")
    check(health.Check(request(), timeout=BOUND).status == 1, "health check")
    check(next(iter(health.Watch(request(), timeout=BOUND))).status == 1, "health watch")
    error = failure(lambda: health.Check(request(service="nobody"), timeout=BOUND))
    check(error is not None and error.code() is grpc.StatusCode.NOT_FOUND, "health of a stranger")
    for version in ("v1", "v1alpha"):
        reflection = messages.stub(channel, f"grpc.reflection.{version}.ServerReflection")
        ask = messages.type(f"grpc.reflection.{version}.ServerReflectionRequest")
        questions = (ask(list_services=""), ask(file_containing_symbol="probe.v1.ProbeService"))
        listed, file = list(reflection.ServerReflectionInfo(iter(questions), timeout=BOUND))
        check("probe.v1.ProbeService" in [each.name for each in listed.list_services_response.service], f"reflection {version} lists")
        proto = descriptor_pb2.FileDescriptorProto.FromString(file.file_descriptor_response.file_descriptor_proto[0])
        check(proto.service[0].name == "ProbeService", f"reflection {version} describes")


if __name__ == "__main__":
    main(*sys.argv[1:])
    print("done", flush=True)
