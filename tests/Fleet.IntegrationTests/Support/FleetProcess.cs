using System.Text.Json.Nodes;

namespace Fleet.IntegrationTests.Support;

/// <summary>A silo, a gateway or both, as the process a user would start, on free ports unless its settings say otherwise.</summary>
internal sealed class FleetProcess : IAsyncDisposable
{
    private readonly ChildProcess _process;

    private FleetProcess(ChildProcess process, JsonNode listening) => (_process, Listening) = (process, listening);

    /// <summary>The first line of its standard output (docs/configuration.md).</summary>
    public JsonNode Listening { get; }

    public int PlainPort => (int)Listening["plain"]!;
    public int MqttsPort => (int)Listening["mqtts"]!;
    public Uri Metrics => new($"http://127.0.0.1:{(int)Listening["metrics"]!}");
    public string Output => _process.Output;

    /// <summary>Carries MQTT: <c>reactor</c> or <c>kestrel</c>; what is right for this machine unless FLEET_TEST_TRANSPORT says otherwise.</summary>
    public static string Transport { get; } = Environment.GetEnvironmentVariable("FLEET_TEST_TRANSPORT") ?? "auto";

    /// <param name="settings">As <c>Fleet:Role=gateway</c>; a later one stands for an earlier of the same name.</param>
    public static Task<FleetProcess> Start(params IEnumerable<string> settings) => Start(ImmutableDictionary<string, string>.Empty, settings);

    public static async Task<FleetProcess> Start(IReadOnlyDictionary<string, string> environment, params IEnumerable<string> settings)
    {
        string[] defaults = ["Fleet:Http:Port=0", "Fleet:Metrics:Port=0", "Fleet:Gateway:MqttsPort=0", $"Fleet:Gateway:Transport={Transport}"];
        var process = ChildProcess.Start("Fleet.Silo", environment, defaults.Concat(settings).Select(setting => $"--{setting}"));
        using var patience = new CancellationTokenSource(Eventually.Patience);
        await foreach (string line in process.Lines(patience.Token))
        {
            if (line.StartsWith('{') && JsonNode.Parse(line) is { } json && (string?)json["event"] == "listening") return new(process, json);
        }
        throw new InvalidOperationException($"The process ended before it listened:\n{process.Output}");
    }

    public Task Kill() => _process.Kill();

    public Task Terminate(CancellationToken cancellation) => _process.Terminate(cancellation);

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
