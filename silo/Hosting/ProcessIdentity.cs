using Fleet.Silo.Files;
using Fleet.Silo.Storage;

namespace Fleet.Silo.Hosting;

/// <summary>What this process is in its Fleet.</summary>
/// <param name="Role">What it does.</param>
/// <param name="Database">Where it keeps what it knows.</param>
/// <param name="Cluster">
/// The same, where other processes may share its grains; null if it is the only one, and its database is its own.
/// </param>
internal sealed record ProcessIdentity(ProcessRole Role, IDatabaseDriver Database, IClusterDatabaseDriver? Cluster)
{
    public bool IsClustered => Cluster is not null;

    /// <summary>
    /// A silo or a gateway of its own has others beside it; a process that is both is alone unless <c>Fleet:Cluster:Enabled</c> is set.
    /// </summary>
    /// <exception cref="StartupException">
    /// There is no such role or storage provider, or a cluster lacks what its processes have to share.
    /// </exception>
    public static ProcessIdentity Of(IConfiguration configuration)
    {
        var role = ProcessRoles.Of(configuration);
        var database = DatabaseDrivers.Of(configuration);
        if (role is ProcessRole.All && !IsSet(configuration, $"{ClusterSettings.Section}:{nameof(ClusterSettings.Enabled)}"))
            return new(role, database, Cluster: null);
        if (database is not IClusterDatabaseDriver cluster)
        {
            throw new StartupException(
                $"A cluster needs a database that its processes share: {StorageOptions.Section}:Provider=postgres and "
                + $"{StorageOptions.Section}:ConnectionString. The file of SQLite belongs to one process.");
        }
        if (string.IsNullOrEmpty(configuration[SharedDirectory.Setting]))
            throw new StartupException(
                $"The processes of a cluster share their keys and firmware in one folder: set {SharedDirectory.Setting}.");
        return new(role, database, cluster);
    }

    /// <summary>For switches that decide which services there are, before options can be checked.</summary>
    /// <exception cref="StartupException">The setting is neither true nor false.</exception>
    public static bool IsSet(IConfiguration configuration, string setting) => configuration[setting] switch
    {
        null or "" => false,
        var text when bool.TryParse(text, out bool isSet) => isSet,
        var text => throw new StartupException($"'{text}' is neither true nor false (setting {setting})."),
    };
}
