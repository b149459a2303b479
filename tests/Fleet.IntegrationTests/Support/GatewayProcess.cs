using System.Text.Json.Nodes;

namespace Fleet.IntegrationTests.Support;

/// <summary>A gateway in a process of its own, beside a service whose grains and database it shares.</summary>
internal sealed class GatewayProcess : IAsyncDisposable
{
    private readonly ChildProcess _process;
    private readonly JsonNode _listening;

    private GatewayProcess(ChildProcess process, JsonNode listening) => (_process, _listening) = (process, listening);

    public int PlainPort => (int)_listening["plain"]!;
    public string Output => _process.Output;

    public static async Task<GatewayProcess> Start(FleetService service, params string[] settings)
    {
        string[] all =
        [
            "Fleet:Role=gateway", "Fleet:Http:Port=0", "Fleet:Metrics:Port=0", "Fleet:Gateway:MqttsPort=0", "Fleet:Gateway:PlainPort=0",
            $"Fleet:Gateway:Transport={FleetService.Transport}", .. service.ForOthers, .. settings,
        ];
        var process = ChildProcess.Start("Fleet.Silo", all.Select(setting => $"--{setting}"));
        using var patience = new CancellationTokenSource(Eventually.Patience);
        await foreach (string line in process.Lines(patience.Token))
        {
            if (line.StartsWith('{') && JsonNode.Parse(line) is { } json && (string?)json["event"] == "listening") return new GatewayProcess(process, json);
        }
        throw new InvalidOperationException($"The gateway ended before it listened:\n{process.Output}");
    }

    public Task Kill() => _process.Kill();

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
