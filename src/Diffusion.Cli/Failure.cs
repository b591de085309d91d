using System.Net.Sockets;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Native.Collectives;
using Grpc.Core;

namespace Diffusion.Cli;

/// <summary>How an error reaches the user: what it is on standard error, the stack in the log.</summary>
internal static class Failure
{
    public static void Write(IReadOnlyList<string> problems)
    {
        foreach (string problem in problems)
        {
            Console.Error.WriteLine($"diffusion: {problem}");
        }
    }

    public static int Report(Exception error)
    {
        Serilog.Log.Logger.Error(error, "Ended by an error");
        switch (error)
        {
            case ConfigurationException e:
                Write(e.Problems);
                return ExitCode.Refused;
            case DatasetException:
                Write([error.Message]);
                return ExitCode.Refused;
            case OperationCanceledException:
                Write(["Interrupted."]);
                return ExitCode.Interrupted;
            case VerbFailedException e:
                Write([e.Message]);
                return e.ExitCode;
            case DllNotFoundException or TypeInitializationException { InnerException: DllNotFoundException }:
                Write([(error.InnerException ?? error).Message, "'diffusion doctor' tells what this machine lacks."]);
                return ExitCode.NotReady;
            case RpcException { Status: var status }:
                Write([$"{status.Detail} ({status.StatusCode})"]);
                return ExitCode.Failed;
            case IOException or UnauthorizedAccessException or SocketException or ArgumentException or InvalidOperationException or PlatformNotSupportedException or DeviceFailedException:
                Write([error.Message]);
                return ExitCode.Failed;
            default:
                // What nobody foresaw comes with everything there is to know about it.
                Write([error.ToString()]);
                return ExitCode.Failed;
        }
    }
}

/// <summary>A verb came to an end it can explain in a sentence.</summary>
internal sealed class VerbFailedException(string message, int exitCode = ExitCode.Failed) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}
