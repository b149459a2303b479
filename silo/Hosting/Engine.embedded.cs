using Fleet.Engine;
using Fleet.Grains;
using Fleet.Silo.Storage;

namespace Fleet.Silo.Hosting;

/// <summary>What is different when grains run on the embedded engine: one process, with its records in a SQLite file or in PostgreSQL.</summary>
internal static class Engine
{
    public const string Name = "embedded";

    /// <exception cref="StartupException">The role needs other processes.</exception>
    public static WebApplicationBuilder AddEngine(this WebApplicationBuilder builder)
    {
        if (ProcessRoles.Of(builder.Configuration) is not ProcessRole.All) throw NotACluster();
        builder.Services.AddFleetStorage(builder.Configuration);
        builder.Services.AddFleetEngine(options => options.GrainAssemblies.Add(typeof(GrainStateJson).Assembly));
        return builder;
    }

    /// <exception cref="StartupException">Always: there is nothing that a process beside the engine's could be a client of.</exception>
    public static WebApplicationBuilder AddEngineClient(this WebApplicationBuilder builder) => throw NotACluster();

    private static StartupException NotACluster() => new(
        $"This build runs grains on the embedded engine, which is one process: it has no other role than all (setting {ProcessRoles.Setting}). "
        + "Silos and gateways of their own need a build with -p:Engine=orleans.");
}
