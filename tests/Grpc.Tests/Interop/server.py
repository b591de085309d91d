"""Serves the probe service: server.py DESCRIPTORS. Prints the port, and stops when standard input closes."""

import sys
from concurrent import futures

import grpc

from probe_messages import Messages

STATUSES = {code.value[0]: code for code in grpc.StatusCode}


class Probe:
    def __init__(self, messages):
        self.type = lambda name: messages.type(f"probe.v1.{name}")

    def Echo(self, request, context):
        headers = [(key, value) for key, value in context.invocation_metadata() if key.startswith("x-")]
        context.send_initial_metadata(headers)
        context.set_trailing_metadata(headers)
        return self.type("EchoResponse")(text=request.text, payload=request.payload)

    def Sum(self, requests, context):
        values = [request.value for request in requests]
        return self.type("SumResponse")(total=sum(values), count=len(values))

    def Count(self, request, context):
        for number in range(request.count):
            yield self.type("CountResponse")(number=number, payload=bytes(request.payload_bytes))

    def Chat(self, requests, context):
        for request in requests:
            yield self.type("ChatResponse")(text=request.text.upper())

    def Fail(self, request, context):
        context.set_trailing_metadata((("x-reason", "asked for"),))
        context.abort(STATUSES[request.status_code], request.detail)

    def Hang(self, request, context):
        ended = futures.Future()
        context.add_callback(lambda: ended.set_result(None))
        ended.result(timeout=30)
        return self.type("HangResponse")()


def main(descriptors):
    messages = Messages(descriptors)
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(8), options=options)
    server.add_generic_rpc_handlers((messages.handlers("probe.v1.ProbeService", Probe(messages)),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0).wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
