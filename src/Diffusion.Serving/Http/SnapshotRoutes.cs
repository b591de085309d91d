using System.Globalization;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Safetensors;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace Diffusion.Serving;

/// <summary>The library over plain HTTP: lists as JSON, weights as files with ranges. Ranges, conditions and ETags are the framework's.</summary>
internal static class SnapshotRoutes
{
    private const string Latest = "latest";
    private static readonly string[] Reading = [HttpMethods.Get, HttpMethods.Head];

    public static void Map(IEndpointRouteBuilder routes)
    {
        var runs = routes.MapGroup("/runs").AddEndpointFilter(ExplainAsync);
        runs.MapGet("", (SnapshotLibrary library) => TypedResults.Json(library.Runs.Select(RunJson.Of)));
        runs.MapGet("{run}/snapshots", (string run, SnapshotLibrary library) => TypedResults.Json(SnapshotsJson.Of(library.Snapshots(run))));
        runs.MapGet("{run}/snapshots/{images}/ema/{length}", async (string run, string images, string length, string? precision, SnapshotLibrary library, CancellationToken cancelled) =>
            TypedResults.Json(WeightsJson.Of(await library.DescribeAsync(Query(run, images, length, precision), cancelled).ConfigureAwait(false))));
        runs.MapMethods("{run}/snapshots/{images}/ema/{length}.safetensors", Reading, async (string run, string images, string length, string? precision, SnapshotLibrary library, CancellationToken cancelled) =>
        {
            var weights = await library.OpenAsync(Query(run, images, length, precision), cancelled).ConfigureAwait(false);

            // The result disposes the file when it has been sent.
            string name = string.Create(CultureInfo.InvariantCulture, $"{weights.Run}-{weights.ImagesSeen}-{weights.RelativeStd}.safetensors");
            return TypedResults.Stream(weights.File, "application/octet-stream", name, lastModified: null, new EntityTagHeaderValue($"\"{weights.ContentId}\""), enableRangeProcessing: true);
        });

        // Enough for a client in any language to call the services: grpcurl -protoset, or google.protobuf without a compiler.
        routes.MapGet("/descriptors", () => TypedResults.Bytes(
            new FileDescriptorSet { File = { V1.SnapshotServiceReflection.Descriptor.ToProto(), V1.EvaluationServiceReflection.Descriptor.ToProto() } }.ToByteArray(), "application/x-protobuf"));
        runs.MapFallback("{**rest}", (string rest) => TypedResults.Problem(
            $"There is nothing at /runs/{rest}. There are /runs, /runs/RUN/snapshots, and /runs/RUN/snapshots/IMAGES/ema/LENGTH.safetensors?precision=float16|float32, IMAGES a training time or '{Latest}'.",
            statusCode: StatusCodes.Status404NotFound));
    }

    private static WeightsQuery Query(string run, string images, string length, string? precision)
    {
        if (!double.TryParse(length, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double relativeStd))
        {
            throw new WeightsRefusedException($"'{length}' is no EMA length. Lengths are fractions of training time, as in ema/0.070.safetensors.", isUnknown: false);
        }

        long? imagesSeen = images == Latest ? null
            : long.TryParse(images, NumberStyles.None, CultureInfo.InvariantCulture, out long count) ? count
            : throw new WeightsRefusedException($"'{images}' is no training time. Times are numbers of images, or '{Latest}'; /runs/{run}/snapshots lists them.", isUnknown: false);
        return new WeightsQuery(run, relativeStd, imagesSeen, precision switch
        {
            null or "float16" => ElementType.Float16,
            "float32" => ElementType.Float32,
            _ => throw new WeightsRefusedException($"precision={precision} is unknown; float16 or float32.", isUnknown: false),
        });
    }

    /// <summary>Says in a problem document why not.</summary>
    private static async ValueTask<object?> ExplainAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context).ConfigureAwait(false);
        }
        catch (WeightsRefusedException e)
        {
            return TypedResults.Problem(e.Message, statusCode: e.IsUnknown ? StatusCodes.Status404NotFound : StatusCodes.Status400BadRequest);
        }
        catch (DamagedFileException e)
        {
            return TypedResults.Problem(e.Message, statusCode: StatusCodes.Status500InternalServerError, title: "A snapshot is damaged");
        }
        catch (SaveFailedException e)
        {
            return TypedResults.Problem(e.Message, statusCode: StatusCodes.Status507InsufficientStorage);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException && !context.HttpContext.RequestAborted.IsCancellationRequested)
        {
            return TypedResults.Problem("The server is shutting down.", statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }
}
