"""Messages and methods of the probe service, made at run time from a FileDescriptorSet: nothing generated is kept."""

import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


class Messages:
    def __init__(self, path):
        files = descriptor_pb2.FileDescriptorSet()
        with open(path, "rb") as stream:
            files.ParseFromString(stream.read())
        self.pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self.pool.Add(file)
        self.factory = message_factory.MessageFactory(self.pool)

    def type(self, name):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def methods(self, service):
        """Yields name, path, request type, response type, whether each side streams."""
        proto = descriptor_pb2.ServiceDescriptorProto()
        descriptor = self.pool.FindServiceByName(service)
        descriptor.CopyToProto(proto)
        for method in proto.method:
            yield (
                method.name,
                f"/{service}/{method.name}",
                self.type(method.input_type.lstrip(".")),
                self.type(method.output_type.lstrip(".")),
                method.client_streaming,
                method.server_streaming,
            )

    def stub(self, channel, service):
        """An object with one callable for each method."""
        stub = type("Stub", (), {})()
        for name, path, request, response, client_streams, server_streams in self.methods(service):
            kind = f"{'stream' if client_streams else 'unary'}_{'stream' if server_streams else 'unary'}"
            make = getattr(channel, kind)
            setattr(stub, name, make(path, request_serializer=request.SerializeToString, response_deserializer=response.FromString))
        return stub

    def handlers(self, service, implementation):
        table = {}
        for name, _, request, response, client_streams, server_streams in self.methods(service):
            kind = f"{'stream' if client_streams else 'unary'}_{'stream' if server_streams else 'unary'}_rpc_method_handler"
            table[name] = getattr(grpc, kind)(
                getattr(implementation, name),
                request_deserializer=request.FromString,
                response_serializer=response.SerializeToString,
            )
        return grpc.method_handlers_generic_handler(service, table)


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")
    print(f"ok {what}", flush=True)
