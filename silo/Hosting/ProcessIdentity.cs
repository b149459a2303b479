using Fleet.Silo.Storage;

namespace Fleet.Silo.Hosting;

/// <summary>What this process is in its Fleet.</summary>
/// <param name="Role">What it does.</param>
/// <param name="IsClustered">Whether other processes may share its grains. If not, it is the only one, and its database is its own.</param>
internal sealed record ProcessIdentity(ProcessRole Role, bool IsClustered)
{
    /// <summary>A silo or a gateway of its own has others beside it; a process that is both is alone unless <c>Fleet:Cluster:Enabled</c> is set.</summary>
    /// <exception cref="StartupException">There is no such role, or a cluster is wanted on a database that belongs to one process.</exception>
    public static ProcessIdentity Of(IConfiguration configuration)
    {
        var role = ProcessRoles.Of(configuration);
        bool isClustered = role is not ProcessRole.All || configuration.GetValue<bool>($"{ClusterSettings.Section}:{nameof(ClusterSettings.Enabled)}");
        if (isClustered && StorageOptions.ProviderOf(configuration) is StorageOptions.Sqlite)
        {
            throw new StartupException(
                $"A cluster needs a database that its processes share: {StorageOptions.Section}:Provider=postgres and {StorageOptions.Section}:ConnectionString. "
                + "The file of SQLite belongs to one process.");
        }
        return new(role, isClustered);
    }
}
