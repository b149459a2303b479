using System.Diagnostics;
using Fleet.Interfaces.Devices;

namespace Fleet.Grains.Index;

/// <summary>Connectivity as the index, the query language and the metrics spell it.</summary>
public static class ConnectivityNames
{
    public static string Of(Connectivity connectivity) => connectivity switch
    {
        Connectivity.Never => "never",
        Connectivity.Connected => "connected",
        Connectivity.Disconnected => "disconnected",
        Connectivity.Stale => "stale",
        _ => throw new UnreachableException($"{connectivity} has no name"),
    };

    public static Connectivity Parse(string name) => Enum.GetValues<Connectivity>().First(c => Of(c) == name);
}
