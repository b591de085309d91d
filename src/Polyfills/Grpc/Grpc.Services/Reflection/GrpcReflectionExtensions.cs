using Grpc.AspNetCore.Server;
using Grpc.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection
{
    /// <summary>Registers server reflection.</summary>
    public static class GrpcReflectionServiceExtensions
    {
        /// <summary>Registers reflection over every gRPC service the application maps.</summary>
        public static IServiceCollection AddGrpcReflection(this IServiceCollection services)
        {
            // Lazy: at the first request every endpoint is mapped, whatever the order of registration.
            services.TryAddSingleton(provider => new Lazy<DescriptorIndex>(() => IndexOf(provider.GetRequiredService<EndpointDataSource>())));
            services.TryAddSingleton<ReflectionV1Service>();
            services.TryAddSingleton<ReflectionV1AlphaService>();
            return services;
        }

        private static DescriptorIndex IndexOf(EndpointDataSource endpoints) => new(
            [.. endpoints.Endpoints
                .Select(endpoint => endpoint.Metadata.GetMetadata<GrpcMethodMetadata>()?.ServiceType)
                .OfType<Type>()
                .Distinct()
                .Select(DescriptorIndex.DescriptorOf)
                .OfType<Google.Protobuf.Reflection.ServiceDescriptor>()]);
    }
}

namespace Microsoft.AspNetCore.Builder
{
    /// <summary>Maps server reflection.</summary>
    public static class GrpcReflectionEndpointRouteBuilderExtensions
    {
        /// <summary>Maps grpc.reflection.v1 and v1alpha.</summary>
        public static IEndpointConventionBuilder MapGrpcReflectionService(this IEndpointRouteBuilder builder) =>
            new Both(builder.MapGrpcService<ReflectionV1Service>(), builder.MapGrpcService<ReflectionV1AlphaService>());

        private sealed class Both(IEndpointConventionBuilder first, IEndpointConventionBuilder second) : IEndpointConventionBuilder
        {
            public void Add(Action<EndpointBuilder> convention)
            {
                first.Add(convention);
                second.Add(convention);
            }

            public void Finally(Action<EndpointBuilder> finallyConvention)
            {
                first.Finally(finallyConvention);
                second.Finally(finallyConvention);
            }
        }
    }
}
