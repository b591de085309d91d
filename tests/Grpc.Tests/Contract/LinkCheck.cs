using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Grpc.Tests.Contract;

/// <summary>Does everything that a compiled assembly refers to exist in the assemblies it will run over, with the same signature?</summary>
/// <remarks>What is missing shows at run time only, as a MissingMethodException or TypeLoadException, in whichever call first needs it.</remarks>
internal static class LinkCheck
{
    /// <summary>Types and members that the assembly at <paramref name="path"/> defines.</summary>
    public static IEnumerable<string> Definitions(string path)
    {
        using var file = new PEReader(File.OpenRead(path));
        var reader = file.GetMetadataReader();
        var names = new MetadataNames(reader);
        foreach (var handle in reader.TypeDefinitions)
        {
            var type = names.Of(handle);
            var definition = reader.GetTypeDefinition(handle);
            yield return type;
            foreach (var method in definition.GetMethods().Select(reader.GetMethodDefinition))
            {
                yield return $"{type}::{reader.GetString(method.Name)} {MetadataNames.Text(method.DecodeSignature(names, null))}";
            }

            foreach (var field in definition.GetFields().Select(reader.GetFieldDefinition))
            {
                yield return $"{type}::{reader.GetString(field.Name)} {field.DecodeSignature(names, null)}";
            }
        }
    }

    /// <summary>Types and members that the assembly at <paramref name="path"/> refers to in assemblies of these names.</summary>
    public static IEnumerable<string> References(string path, IReadOnlySet<string> contracts)
    {
        using var file = new PEReader(File.OpenRead(path));
        var reader = file.GetMetadataReader();
        var names = new MetadataNames(reader);
        foreach (var handle in reader.TypeReferences.Where(handle => IsIn(reader, handle, contracts)))
        {
            yield return names.Of(handle);
        }

        foreach (var member in reader.MemberReferences.Select(reader.GetMemberReference))
        {
            if (Owner(reader, member.Parent) is { IsNil: false } owner && IsIn(reader, owner, contracts))
            {
                var signature = member.GetKind() == MemberReferenceKind.Method
                    ? MetadataNames.Text(member.DecodeMethodSignature(names, null))
                    : member.DecodeFieldSignature(names, null);
                yield return $"{names.Of(owner)}::{reader.GetString(member.Name)} {signature}";
            }
        }
    }

    private static bool IsIn(MetadataReader reader, TypeReferenceHandle handle, IReadOnlySet<string> contracts)
    {
        var scope = reader.GetTypeReference(handle).ResolutionScope;
        return scope.Kind switch
        {
            HandleKind.AssemblyReference => contracts.Contains(reader.GetString(reader.GetAssemblyReference((AssemblyReferenceHandle)scope).Name)),
            HandleKind.TypeReference => IsIn(reader, (TypeReferenceHandle)scope, contracts),
            _ => false,
        };
    }

    /// <summary>The type that declares a member: itself, or the open type of a constructed one. Nil for arrays and own types.</summary>
    private static TypeReferenceHandle Owner(MetadataReader reader, EntityHandle parent)
    {
        if (parent.Kind == HandleKind.TypeReference)
        {
            return (TypeReferenceHandle)parent;
        }

        if (parent.Kind != HandleKind.TypeSpecification)
        {
            return default;
        }

        var signature = reader.GetBlobReader(reader.GetTypeSpecification((TypeSpecificationHandle)parent).Signature);
        if (signature.ReadSignatureTypeCode() != SignatureTypeCode.GenericTypeInstance)
        {
            return default;
        }

        // The byte after the code says class or value type; the open type follows.
        signature.ReadByte();
        var open = signature.ReadTypeHandle();
        return open.Kind == HandleKind.TypeReference ? (TypeReferenceHandle)open : default;
    }
}
