namespace Fleet.Silo.Storage;

/// <summary>What of the storage depends on the engine: here silos that share a database, with the reminders of Orleans.</summary>
internal static class EngineStorage
{
    public const string Engine = "orleans";

    public const string DefaultProvider = "sqlite";

    /// <summary>The service id under which reminders are kept.</summary>
    public const string ServiceId = "fleet";

    /// <summary>This process shares the database with other silos, and not with the embedded engine.</summary>
    public static bool OwnsDatabase => false;

    public static bool HasAdoNet => true;

    /// <summary>None here: Orleans' Reminders.AdoNet keeps them in its table, which Fleet's migrations make.</summary>
    public static void AddReminders(IServiceCollection services, bool sqlite)
    {
        if (sqlite) services.AddSingleton<IReminderTable, Sqlite.SqliteReminderTable>();
    }
}
