using Fleet.DeviceSim.Agent.Fetch;
using Fleet.DeviceSim.Agent.Wire;

namespace Fleet.DeviceSim.Agent;

/// <summary>What one device is, and how it behaves.</summary>
internal sealed record AgentOptions
{
    /// <summary>1 to 128 of <c>[a-zA-Z0-9:_-]</c>; also the client id.</summary>
    public required string ThingName { get; init; }
    public required string Model { get; init; }

    /// <summary>Further parameters of provisioning, such as Site; the service makes them attributes.</summary>
    public ImmutableSortedDictionary<string, string> Attributes { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>The version a device that never ran before comes with.</summary>
    public string FactoryVersion { get; init; } = "1.0.0";

    /// <summary>
    /// Gateways of one service. A device starts with one of them, and goes to the next whenever a connection fails or is lost.
    /// </summary>
    public ImmutableArray<Server> Servers { get; init; } = [new("localhost", 8883)];

    /// <summary>Provisioning template.</summary>
    public string Template { get; init; } = "fleet";

    /// <summary>True: the key is made here and never leaves (create-from-csr). False: the service makes it (create).</summary>
    public bool MakesOwnKey { get; init; } = true;

    public TimeSpan HeartbeatPeriod { get; init; } = TimeSpan.FromSeconds(10);

    public StreamFormat Format { get; init; } = StreamFormat.Cbor;

    /// <summary>4 KiB to 128 KiB; null: 64 KiB, or the whole file if it is smaller than 128 KiB.</summary>
    public int? BlockBytes { get; init; }

    /// <summary>Takes HTTP where the document offers both ways.</summary>
    public bool PrefersHttp { get; init; }

    /// <summary>From a request to its answer.</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Silence in a download after which the missing is asked for again.</summary>
    public TimeSpan BlockTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Between two progress reports of a download.</summary>
    public TimeSpan ProgressPeriod { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan BackoffFirst { get; init; } = TimeSpan.FromSeconds(1);
    public TimeSpan BackoffCap { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A connection that lasted this long was a good one: the next back-off starts afresh.</summary>
    public TimeSpan BackoffResetAfter { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a restart takes.</summary>
    public TimeSpan BootTime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Of its random draws (jitter); together with the thing name.</summary>
    public int Seed { get; init; }

    public int BlockBytesFor(long fileBytes) =>
        BlockBytes ?? (fileBytes < BlockMap.MaxRequestBytes ? (int)Math.Max(256, fileBytes) : 64 * 1024);
}
