using System.Reflection;
using Google.Protobuf.Reflection;
using Grpc.Core;

namespace Grpc.Reflection;

/// <summary>The descriptors of the mapped services and of everything they import, by file and by symbol.</summary>
internal sealed class DescriptorIndex
{
    private readonly Dictionary<string, FileDescriptor> files = [];
    private readonly Dictionary<string, FileDescriptor> symbols = [];

    internal DescriptorIndex(IReadOnlyCollection<ServiceDescriptor> services)
    {
        ServiceNames = [.. services.Select(service => service.FullName).Distinct().Order(StringComparer.Ordinal)];
        foreach (var file in services.SelectMany(service => WithImports(service.File)))
        {
            Add(file);
        }
    }

    internal IReadOnlyList<string> ServiceNames { get; }

    internal FileDescriptor? File(string name) => files.GetValueOrDefault(name);

    internal FileDescriptor? FileOf(string symbol) => symbols.GetValueOrDefault(symbol);

    /// <summary>The file first, then all it imports, each once.</summary>
    internal static IEnumerable<FileDescriptor> WithImports(FileDescriptor file)
    {
        var seen = new HashSet<string>();
        var pending = new Stack<FileDescriptor>([file]);
        while (pending.TryPop(out var next))
        {
            if (!seen.Add(next.Name))
            {
                continue;
            }

            yield return next;
            foreach (var import in next.Dependencies)
            {
                pending.Push(import);
            }
        }
    }

    /// <summary>The descriptor that generated code keeps beside the base class of <paramref name="serviceType"/>; null for hand-written bindings.</summary>
    internal static ServiceDescriptor? DescriptorOf(Type serviceType) => serviceType
        .GetCustomAttribute<BindServiceMethodAttribute>(inherit: true)?.BindType
        .GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)?
        .GetValue(null) as ServiceDescriptor;

    private void Add(FileDescriptor file)
    {
        if (!files.TryAdd(file.Name, file))
        {
            return;
        }

        foreach (var service in file.Services)
        {
            symbols[service.FullName] = file;
            foreach (var method in service.Methods)
            {
                symbols[method.FullName] = file;
            }
        }

        foreach (var message in file.MessageTypes)
        {
            AddMessage(message, file);
        }

        foreach (var values in file.EnumTypes)
        {
            symbols[values.FullName] = file;
        }
    }

    private void AddMessage(MessageDescriptor message, FileDescriptor file)
    {
        symbols[message.FullName] = file;
        foreach (var field in message.Fields.InDeclarationOrder())
        {
            symbols[field.FullName] = file;
        }

        foreach (var values in message.EnumTypes)
        {
            symbols[values.FullName] = file;
        }

        foreach (var nested in message.NestedTypes)
        {
            AddMessage(nested, file);
        }
    }
}
