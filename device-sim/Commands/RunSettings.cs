using System.CommandLine;
using System.Globalization;
using Fleet.DeviceSim.Agent;
using Fleet.DeviceSim.Agent.Fetch;
using Fleet.DeviceSim.Agent.Wire;
using Fleet.DeviceSim.Faults;
using Fleet.DeviceSim.Images;
using Fleet.DeviceSim.Simulation;

namespace Fleet.DeviceSim.Commands;

/// <summary>The options of <c>run</c>, and what they mean.</summary>
internal sealed class RunSettings
{
    private readonly Option<int> _devices = new("--devices") { Description = "How many.", DefaultValueFactory = _ => 10 };
    private readonly Option<string> _claim = new("--claim")
    {
        Description = "Claim certificate: the JSON that POST /api/v1/claims answered, a PEM file, or a folder with one per thing.",
        Required = true,
    };
    private readonly Option<string> _ca =
        new("--ca") { Description = "PEM file of the only CA to trust (data/pki/ca.crt of the service).", Required = true };
    private readonly Option<string> _host = new("--host") { Description = "Where the service is.", DefaultValueFactory = _ => "localhost" };
    private readonly Option<int> _port = new("--port") { Description = "Its port for MQTT over TLS.", DefaultValueFactory = _ => 8883 };
    private readonly Option<string[]> _server = new("--server")
    {
        Description = $"Gateways that devices try in turn, instead of --host and --port: {Server.Grammar}. May be repeated.",
    };
    private readonly Option<string> _model = new("--model") { Description = "Model of all devices.", DefaultValueFactory = _ => "amr" };
    private readonly Option<string> _prefix =
        new("--prefix") { Description = "Thing names are this and five digits.", DefaultValueFactory = _ => "amr-" };
    private readonly Option<string> _site = new("--site") { Description = "Attribute site of all devices." };
    private readonly Option<string> _version =
        new("--firmware-version") { Description = "Version that new devices come with.", DefaultValueFactory = _ => "1.0.0" };
    private readonly Option<string> _data = new("--data")
    {
        Description = "Folder for the devices' disks; kept, so that a second run goes on. "
            + "Default: a new folder under the system's temporary one.",
    };
    private readonly Option<string> _rate = new("--connect-rate")
    {
        Description = "Connection attempts of all devices together, such as 100/s.",
        DefaultValueFactory = _ => "100/s",
    };
    private readonly Option<double> _heartbeat =
        new("--heartbeat") { Description = "Seconds between two heartbeats.", DefaultValueFactory = _ => 10 };
    private readonly Option<string[]> _fail = new("--fail") { Description = $"Plants a fault: {FaultSpec.Grammar}. May be repeated." };
    private readonly Option<StreamFormat> _format =
        new("--format") { Description = "Format of stream messages: cbor or json.", DefaultValueFactory = _ => StreamFormat.Cbor };
    private readonly Option<string> _blockSize = new("--block-size")
    {
        Description = "Block size of streams, 4KiB to 128KiB. Default: 64KiB, or the file where it is smaller than 128KiB.",
    };
    private readonly Option<bool> _preferHttp =
        new("--prefer-http") { Description = "Download by HTTP where the service offers both ways." };
    private readonly Option<bool> _serverKeys =
        new("--server-keys") { Description = "Let the service make the devices' keys (create) instead of sending a CSR." };
    private readonly Option<string> _until = new("--until") { Description = $"End when this is reached: {Until.Grammar}." };
    private readonly Option<double?> _duration = new("--duration") { Description = "End after this many seconds at the latest." };
    private readonly Option<int> _seed =
        new("--seed") { Description = "Of everything random: who has which fault, and jitter.", DefaultValueFactory = _ => 1 };
    private readonly Option<bool> _json =
        new("--json") { Description = "One JSON line on standard output per change, and one at the end." };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "Log what each device does, on standard error." };

    public IEnumerable<Option> All =>
    [
        _devices, _claim, _ca, _host, _port, _server, _model, _prefix, _site, _version, _data, _rate, _heartbeat, _fail, _format,
        _blockSize, _preferHttp, _serverKeys, _until, _duration, _seed, _json, _verbose,
    ];

    /// <exception cref="UsageException">An option is out of range.</exception>
    public RunPlan Read(ParseResult arguments)
    {
        int devices = arguments.GetValue(_devices);
        Check(devices is >= 1 and <= 99_999, "--devices takes 1 to 99999.");
        var version = arguments.GetRequiredValue(_version);
        Check(SemVer.TryParse(version, out _), "--firmware-version is a semantic version without build metadata, such as 1.0.0.");
        var prefix = arguments.GetRequiredValue(_prefix);
        Check(
            prefix.Length <= 100 && prefix.All(c => char.IsAsciiLetterOrDigit(c) || c is ':' or '_' or '-'),
            "--prefix takes a-z A-Z 0-9 : _ -.");
        double heartbeat = arguments.GetValue(_heartbeat);
        Check(heartbeat is >= 0.1 and <= 86_400, "--heartbeat takes 0.1 to 86400 seconds.");
        Check(arguments.GetValue(_port) is > 0 and <= 65_535, "--port takes 1 to 65535.");
        Check(arguments.GetValue(_duration) is null or (> 0 and <= 31_536_000), "--duration takes seconds, above 0.");
        var site = arguments.GetValue(_site);
        var agent = new AgentOptions
        {
            ThingName = prefix,
            Model = arguments.GetRequiredValue(_model),
            Attributes = site is null
                ? ImmutableSortedDictionary<string, string>.Empty : ImmutableSortedDictionary<string, string>.Empty.Add("Site", site),
            FactoryVersion = version,
            Servers = arguments.GetValue(_server) is { Length: > 0 } servers
                ? [.. servers.SelectMany(text => Servers(text))]
                : [new(arguments.GetRequiredValue(_host), arguments.GetValue(_port))],
            MakesOwnKey = !arguments.GetValue(_serverKeys),
            HeartbeatPeriod = TimeSpan.FromSeconds(heartbeat),
            Format = arguments.GetValue(_format),
            BlockBytes = BlockBytes(arguments.GetValue(_blockSize)),
            PrefersHttp = arguments.GetValue(_preferHttp),
            Seed = arguments.GetValue(_seed),
        };
        var fleet = new FleetOptions
        {
            Devices = devices,
            Prefix = prefix,
            DataFolder = arguments.GetValue(_data) is { } data
                ? Path.GetFullPath(data) : Directory.CreateTempSubdirectory("fleet-devices-").FullName,
            Agent = agent,
            Faults = [.. (arguments.GetValue(_fail) ?? []).Select(Fault)],
        };
        return new RunPlan
        {
            Fleet = fleet,
            ClaimPath = arguments.GetRequiredValue(_claim),
            CaPath = arguments.GetRequiredValue(_ca),
            ConnectsPerSecond = Rate(arguments.GetRequiredValue(_rate)),
            Until = arguments.GetValue(_until) is { } until ? Goal(until) : null,
            Duration = arguments.GetValue(_duration) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            Json = arguments.GetValue(_json),
            Verbose = arguments.GetValue(_verbose),
        };
    }

    private static int? BlockBytes(string? text)
    {
        if (text is null) return null;
        Check(Sizes.TryParse(text, out long bytes) && bytes is >= 4 * 1024 and <= 128 * 1024, "--block-size takes 4KiB to 128KiB.");
        return (int)bytes;
    }

    private static double Rate(string text)
    {
        var digits = text.EndsWith("/s", StringComparison.Ordinal) ? text[..^2] : text;
        Check(
            double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double rate)
                && rate is > 0 and <= 100_000,
            "--connect-rate takes connections per second, such as 100/s.");
        return rate;
    }

    private static ImmutableArray<Server> Servers(string text) =>
        Server.TryParseList(text, out var servers) ? servers : throw new UsageException($"--server {text}: expected {Server.Grammar}.");

    private static FaultSpec Fault(string text) =>
        FaultSpec.TryParse(text, out var spec) ? spec : throw new UsageException($"--fail {text}: expected {FaultSpec.Grammar}.");

    private static Until Goal(string text) =>
        Until.TryParse(text, out var until) ? until : throw new UsageException($"--until {text}: expected {Until.Grammar}.");

    private static void Check(bool holds, string otherwise)
    {
        if (!holds) throw new UsageException(otherwise);
    }
}

/// <summary>A run, as the user asked for it.</summary>
internal sealed record RunPlan
{
    public required FleetOptions Fleet { get; init; }
    public required string ClaimPath { get; init; }
    public required string CaPath { get; init; }
    public required double ConnectsPerSecond { get; init; }
    public required Until? Until { get; init; }
    public required TimeSpan? Duration { get; init; }
    public required bool Json { get; init; }
    public required bool Verbose { get; init; }
}
