using Fleet.Silo.Storage.Postgres;
using Fleet.Silo.Storage.Sqlite;

namespace Fleet.Silo.Storage;

/// <summary>What of the storage depends on the engine: here one process, with a database for itself.</summary>
internal static class EngineStorage
{
    public const string Engine = "embedded";

    public const string DefaultProvider = "sqlite";

    /// <summary>The service id under which reminders are kept; the silos of a cluster use the same.</summary>
    public const string ServiceId = "fleet";

    /// <summary>This process shares the database with no other.</summary>
    public static bool OwnsDatabase => true;

    public static bool HasAdoNet => false;

    public static void AddReminders(IServiceCollection services, bool sqlite)
    {
        if (sqlite) services.AddSingleton<IReminderTable, SqliteReminderTable>();
        else services.AddSingleton<IReminderTable, PostgresReminderTable>();
    }
}
