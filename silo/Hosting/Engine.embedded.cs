using Fleet.Engine;
using Fleet.Grains;
using Fleet.Silo.Storage;

namespace Fleet.Silo.Hosting;

/// <summary>What is different when grains run on the embedded engine: one process, with its records in a SQLite file.</summary>
internal static class Engine
{
    public const string Name = "embedded";

    public static WebApplicationBuilder AddEngine(this WebApplicationBuilder builder)
    {
        builder.Services.AddSqliteStorage();
        builder.Services.AddFleetEngine(options => options.GrainAssemblies.Add(typeof(GrainStateJson).Assembly));
        return builder;
    }
}
