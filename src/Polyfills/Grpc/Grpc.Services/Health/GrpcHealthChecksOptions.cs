using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Grpc.AspNetCore.HealthChecks;

/// <summary>Which health checks decide which service's status.</summary>
public sealed class GrpcHealthChecksOptions
{
    /// <summary>The services a probe may ask about.</summary>
    /// <value>The empty name, decided by all checks.</value>
    public ServiceMappingCollection Services { get; } = [];

    /// <summary>Whether a probe is answered from the last periodic run instead of running the checks.</summary>
    public bool UseHealthChecksCache { get; set; }

    /// <summary>Whether watches are left open when the server stops, which holds the stop up until its time-out.</summary>
    public bool SuppressCompletionOnShutdown { get; set; }
}

/// <summary>One health check, as a mapping sees it.</summary>
public sealed class HealthCheckMapContext(string name, IEnumerable<string> tags)
{
    /// <summary>The name the check was registered under.</summary>
    public string Name { get; } = name;

    /// <summary>Its tags.</summary>
    public IEnumerable<string> Tags { get; } = tags;
}

/// <summary>A service and the checks that decide its status.</summary>
public sealed class ServiceMapping
{
    /// <summary>A service decided by the checks that <paramref name="predicate"/> accepts.</summary>
    public ServiceMapping(string name, Func<HealthCheckMapContext, bool> predicate)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(predicate);
        Name = name;
        HealthCheckPredicate = predicate;
    }

    /// <summary>The name in the probe's request.</summary>
    public string Name { get; }

    /// <summary>Accepts the checks that count.</summary>
    public Func<HealthCheckMapContext, bool>? HealthCheckPredicate { get; }
}

/// <summary>Mappings by name; the last one of a name counts.</summary>
public sealed class ServiceMappingCollection : ICollection<ServiceMapping>
{
    private readonly Dictionary<string, ServiceMapping> mappings = [];

    /// <inheritdoc/>
    public int Count => mappings.Count;

    bool ICollection<ServiceMapping>.IsReadOnly => false;

    /// <summary>Adds a mapping or replaces the one of this name.</summary>
    public void Map(string name, Func<HealthCheckMapContext, bool> predicate) => mappings[name] = new ServiceMapping(name, predicate);

    /// <summary>Adds a mapping of a new name.</summary>
    public void Add(ServiceMapping service)
    {
        ArgumentNullException.ThrowIfNull(service);
        mappings.Add(service.Name, service);
    }

    /// <summary>Removes the mapping of this name.</summary>
    public void Remove(string name) => mappings.Remove(name);

    /// <inheritdoc/>
    public void Clear() => mappings.Clear();

    /// <inheritdoc/>
    public IEnumerator<ServiceMapping> GetEnumerator() => mappings.Values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    bool ICollection<ServiceMapping>.Contains(ServiceMapping item) => mappings.ContainsValue(item);

    void ICollection<ServiceMapping>.CopyTo(ServiceMapping[] array, int arrayIndex) => mappings.Values.CopyTo(array, arrayIndex);

    bool ICollection<ServiceMapping>.Remove(ServiceMapping item) => mappings.TryGetValue(item.Name, out var found) && found == item && mappings.Remove(item.Name);

    internal bool TryGet(string name, [NotNullWhen(true)] out ServiceMapping? mapping) => mappings.TryGetValue(name, out mapping);
}
