using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Grpc.Tests.Contract;

/// <summary>What other assemblies can see of an assembly, one line for each type, interface and member, in order.</summary>
/// <remarks>Parameter names and defaults are part of it: callers may use them. Nullable annotations are not.</remarks>
internal static class AssemblySurface
{
    public static IReadOnlySet<string> Of(string path)
    {
        using var file = new PEReader(File.OpenRead(path));
        var reader = file.GetMetadataReader();
        var lines = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var handle in reader.TypeDefinitions.Where(handle => IsVisible(reader, handle)))
        {
            AddType(lines, reader, handle);
        }

        return lines;
    }

    /// <summary>The lines of a committed list; '#' begins a comment.</summary>
    public static IReadOnlySet<string> Listed(string path) =>
        File.ReadLines(path).Where(line => line.Length > 0 && line[0] != '#').ToHashSet(StringComparer.Ordinal);

    private static bool IsVisible(MetadataReader reader, TypeDefinitionHandle handle)
    {
        var type = reader.GetTypeDefinition(handle);
        return (type.Attributes & TypeAttributes.VisibilityMask) switch
        {
            TypeAttributes.Public => true,
            TypeAttributes.NestedPublic or TypeAttributes.NestedFamily or TypeAttributes.NestedFamORAssem => IsVisible(reader, type.GetDeclaringType()),
            _ => false,
        };
    }

    private static void AddType(SortedSet<string> lines, MetadataReader reader, TypeDefinitionHandle handle)
    {
        var names = new MetadataNames(reader);
        var type = reader.GetTypeDefinition(handle);
        var name = names.Of(handle);
        var kind = (type.Attributes & TypeAttributes.Interface) != 0 ? "interface" : $"class {Flag(type, TypeAttributes.Abstract)}{Flag(type, TypeAttributes.Sealed)}: {names.Of(type.BaseType)}";
        lines.Add($"type {name} {kind}");
        foreach (var each in type.GetInterfaceImplementations())
        {
            lines.Add($"type {name} implements {names.Of(reader.GetInterfaceImplementation(each).Interface)}");
        }

        foreach (var each in type.GetFields().Select(reader.GetFieldDefinition).Where(field => IsVisible((MethodAttributes)(int)(field.Attributes & FieldAttributes.FieldAccessMask))))
        {
            lines.Add($"field {name}::{reader.GetString(each.Name)} {each.DecodeSignature(names, null)}{Constant(reader, each.GetDefaultValue())}");
        }

        foreach (var each in type.GetMethods().Select(reader.GetMethodDefinition).Where(method => IsVisible(method.Attributes)))
        {
            lines.Add($"method {name}::{reader.GetString(each.Name)} {Overridable(each.Attributes)}{MetadataNames.Text(each.DecodeSignature(names, null))} ({Parameters(reader, each)})");
        }
    }

    private static bool IsVisible(MethodAttributes attributes) =>
        (attributes & MethodAttributes.MemberAccessMask) is MethodAttributes.Public or MethodAttributes.Family or MethodAttributes.FamORAssem;

    private static string Flag(TypeDefinition type, TypeAttributes flag) =>
        (type.Attributes & flag) != 0 ? $"{flag.ToString().ToLowerInvariant()} " : "";

    private static string Overridable(MethodAttributes attributes) => (attributes & (MethodAttributes.Abstract | MethodAttributes.Virtual | MethodAttributes.Final)) switch
    {
        MethodAttributes.Abstract | MethodAttributes.Virtual => "abstract ",
        MethodAttributes.Virtual => "virtual ",
        _ => "",
    };

    private static string Parameters(MetadataReader reader, MethodDefinition method) => string.Join(", ", method.GetParameters()
        .Select(reader.GetParameter)
        .Where(parameter => parameter.SequenceNumber > 0)
        .Select(parameter => reader.GetString(parameter.Name) + ((parameter.Attributes & ParameterAttributes.Optional) != 0 ? $" optional{Constant(reader, parameter.GetDefaultValue())}" : "")));

    private static string Constant(MetadataReader reader, ConstantHandle handle)
    {
        if (handle.IsNil)
        {
            return "";
        }

        var constant = reader.GetConstant(handle);
        return $" = {reader.GetBlobReader(constant.Value).ReadConstant(constant.TypeCode) ?? "null"}";
    }
}
