using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace TorchSharp.Tests.PublicSurface;

/// <summary>
/// One line per public type and member of an assembly: names, parameter names, types and default values.
/// Nullability of references and attributes are left out, because they change neither binding nor behaviour.
/// </summary>
internal static class SignatureWriter
{
    private const BindingFlags DeclaredPublic =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void", [typeof(object)] = "object", [typeof(string)] = "string", [typeof(bool)] = "bool", [typeof(byte)] = "byte",
        [typeof(sbyte)] = "sbyte", [typeof(short)] = "short", [typeof(ushort)] = "ushort", [typeof(int)] = "int", [typeof(uint)] = "uint",
        [typeof(long)] = "long", [typeof(ulong)] = "ulong", [typeof(float)] = "float", [typeof(double)] = "double", [typeof(char)] = "char",
    };

    public static IEnumerable<string> Lines(Assembly assembly) =>
        assembly.GetTypes().Where(IsVisible).SelectMany(type => Members(type).Prepend(TypeLine(type))).Distinct().Order(StringComparer.Ordinal);

    private static bool IsVisible(Type type) =>
        type.IsNested ? (type.IsNestedPublic || type.IsNestedFamily || type.IsNestedFamORAssem) && IsVisible(type.DeclaringType!) : type.IsPublic;

    private static bool IsVisible(MethodBase? method) => method is not null && (method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly);

    private static string TypeLine(Type type)
    {
        var kind = type.IsEnum ? $"enum : {Name(Enum.GetUnderlyingType(type))}"
            : type.IsValueType ? "struct"
            : type.IsInterface ? "interface"
            : typeof(Delegate).IsAssignableFrom(type) ? "delegate"
            : type is { IsAbstract: true, IsSealed: true } ? "static class"
            : type.IsAbstract ? "abstract class"
            : type.IsSealed ? "sealed class" : "class";
        var baseType = type.BaseType is { } b && b != typeof(object) && b != typeof(ValueType) && !type.IsEnum && b != typeof(MulticastDelegate) ? $" : {Name(b)}" : "";
        return $"{Name(type)} = {kind}{baseType}";
    }

    private static IEnumerable<string> Members(Type type)
    {
        var owner = Name(type);
        foreach (var field in type.GetFields(DeclaredPublic).Where(f => f is { IsSpecialName: false } && (f.IsPublic || f.IsFamily || f.IsFamilyOrAssembly)))
        {
            yield return field.IsLiteral
                ? $"{owner}.{field.Name} = {Literal(field.GetRawConstantValue())}"
                : $"{owner}.{field.Name}: {(field.IsStatic ? "static " : "")}{(field.IsInitOnly ? "readonly " : "")}{Name(field.FieldType)}";
        }
        if (type.IsEnum)
        {
            yield break;
        }
        foreach (var property in type.GetProperties(DeclaredPublic))
        {
            var get = IsVisible(property.GetMethod);
            var set = IsVisible(property.SetMethod);
            if (get || set)
            {
                var index = property.GetIndexParameters();
                var name = index.Length > 0 ? $"this[{string.Join(", ", index.Select(Parameter))}]" : property.Name;
                var isStatic = (property.GetMethod ?? property.SetMethod)!.IsStatic ? "static " : "";
                yield return $"{owner}.{name}: {isStatic}{Name(property.PropertyType)} {{{(get ? " get;" : "")}{(set ? " set;" : "")} }}";
            }
        }
        foreach (var @event in type.GetEvents(DeclaredPublic).Where(e => IsVisible(e.AddMethod)))
        {
            yield return $"{owner}.{@event.Name}: event {Name(@event.EventHandlerType!)}";
        }
        foreach (var constructor in type.GetConstructors(DeclaredPublic).Where(c => IsVisible(c) && !c.IsStatic))
        {
            yield return $"{owner}.new({string.Join(", ", constructor.GetParameters().Select(Parameter))})";
        }
        foreach (var method in type.GetMethods(DeclaredPublic).Where(m => IsVisible(m) && (!m.IsSpecialName || m.Name.StartsWith("op_", StringComparison.Ordinal)) && m.Name != "Finalize"))
        {
            yield return $"{owner}.{Signature(method)}";
        }
    }

    private static string Signature(MethodInfo method)
    {
        var generic = method.IsGenericMethodDefinition ? $"<{string.Join(", ", method.GetGenericArguments().Select(a => a.Name))}>" : "";
        var extension = method.IsDefined(typeof(ExtensionAttribute), false) ? "this " : "";
        var parameters = string.Join(", ", method.GetParameters().Select(Parameter));
        var constraints = method.IsGenericMethodDefinition ? string.Concat(method.GetGenericArguments().Select(Constraint)) : "";
        return $"{method.Name}{generic}({extension}{parameters}): {(method.IsStatic ? "static " : "")}{Name(method.ReturnType)}{constraints}";
    }

    private static string Constraint(Type argument)
    {
        var attributes = argument.GenericParameterAttributes;
        return attributes.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint) ? $" where {argument.Name} : struct"
            : attributes.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint) ? $" where {argument.Name} : class" : "";
    }

    private static string Parameter(ParameterInfo parameter)
    {
        var type = parameter.ParameterType;
        var prefix = parameter.IsDefined(typeof(ParamArrayAttribute), false) ? "params " : parameter.IsOut ? "out " : parameter.IsIn ? "in " : type.IsByRef ? "ref " : "";
        var value = parameter.HasDefaultValue ? $" = {Literal(parameter.RawDefaultValue)}" : "";
        return $"{prefix}{Name(type.IsByRef ? type.GetElementType()! : type)} {parameter.Name}{value}";
    }

    private static string Literal(object? value) => value switch
    {
        null or Missing => "null",
        string text => $"\"{text}\"",
        bool flag => flag ? "true" : "false",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string Name(Type type)
    {
        if (type.IsGenericParameter)
        {
            return type.Name;
        }
        if (Keywords.TryGetValue(type, out var keyword))
        {
            return keyword;
        }
        if (type.IsArray)
        {
            return $"{Name(type.GetElementType()!)}[{new string(',', type.GetArrayRank() - 1)}]";
        }
        if (type.IsPointer)
        {
            return Name(type.GetElementType()!) + "*";
        }
        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return Name(underlying) + "?";
        }
        if (type is { IsGenericType: true } && type.FullName?.StartsWith("System.ValueTuple`", StringComparison.Ordinal) != false && type.Name.StartsWith("ValueTuple`", StringComparison.Ordinal))
        {
            return $"({string.Join(", ", type.GetGenericArguments().Select(Name))})";
        }
        var generic = type.GetGenericArguments();
        var own = type.DeclaringType is { } outer ? generic.Length - outer.GetGenericArguments().Length : generic.Length;
        var name = type.Name.Split('`')[0] + (own > 0 ? $"<{string.Join(", ", generic.TakeLast(own).Select(Name))}>" : "");
        return type.DeclaringType is { } parent ? $"{Name(parent)}.{name}" : type.Namespace is "TorchSharp" or null ? name : $"{Short(type.Namespace)}{name}";
    }

    private static string Short(string space) =>
        space.StartsWith("System", StringComparison.Ordinal) ? "" : space.StartsWith("TorchSharp.", StringComparison.Ordinal) ? space["TorchSharp.".Length..] + "." : space + ".";
}
