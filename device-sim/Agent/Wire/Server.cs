using System.Globalization;

namespace Fleet.DeviceSim.Agent.Wire;

/// <summary>Where a service may be reached: one of its gateways, by MQTT over TLS.</summary>
internal sealed record Server(string Host, int Port)
{
    public const string Grammar = "host:port, several separated by commas";

    /// <summary>Takes <c>a:8883,b:8883</c>; an IPv6 address stands in brackets.</summary>
    public static bool TryParseList(string text, out ImmutableArray<Server> servers)
    {
        var found = ImmutableArray.CreateBuilder<Server>();
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            int colon = part.LastIndexOf(':');
            if (colon <= 0 || !int.TryParse(part.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port)
                || port is 0 or > 65_535)
            {
                servers = [];
                return false;
            }
            found.Add(new(part[..colon].Trim('[', ']'), port));
        }
        servers = found.ToImmutable();
        return true;
    }

    public override string ToString() => $"{Host}:{Port}";
}
