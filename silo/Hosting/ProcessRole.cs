namespace Fleet.Silo.Hosting;

/// <summary>What this process does in its Fleet, <c>Fleet:Role</c>.</summary>
internal enum ProcessRole
{
    /// <summary>Grains, API and gateway in one process.</summary>
    All,

    /// <summary>Grains and API; no MQTT.</summary>
    Silo,

    /// <summary>MQTT and downloads, as a client of the silos.</summary>
    Gateway,
}

internal static class ProcessRoles
{
    public const string Setting = "Fleet:Role";

    public static bool HasGrains(this ProcessRole role) => role is not ProcessRole.Gateway;

    public static bool HasGateway(this ProcessRole role) => role is not ProcessRole.Silo;

    public static string Name(this ProcessRole role) => role.ToString().ToLowerInvariant();

    /// <exception cref="StartupException">There is no such role.</exception>
    public static ProcessRole Of(IConfiguration configuration) => configuration[Setting] switch
    {
        null => ProcessRole.All,
        var text when !int.TryParse(text, out _) && Enum.TryParse<ProcessRole>(text, ignoreCase: true, out var role) => role,
        var text => throw new StartupException($"'{text}' is not a role: all, silo or gateway (setting {Setting})."),
    };
}
