using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Fleet.Interfaces;

/// <summary>What grains may throw at callers in other processes.</summary>
public static class GrainExceptions
{
    /// <summary>
    /// For every silo and every gateway. Orleans passes on the framework's exceptions and its own; in the place of any other the caller
    /// would get its serializer's complaint, and could not tell a store that is away from a fault.
    /// </summary>
    public static IServiceCollection AddGrainExceptions(this IServiceCollection services) =>
        services.Configure<ExceptionSerializationOptions>(
            static options => options.SupportedNamespacePrefixes.UnionWith(["Fleet", "Npgsql"]));
}
