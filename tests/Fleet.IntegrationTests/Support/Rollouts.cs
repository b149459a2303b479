using System.Text.Json.Nodes;
using Fleet.DeviceSim.Agent.Jobs;

namespace Fleet.IntegrationTests.Support;

/// <summary>Firmware and rollouts through the admin API.</summary>
internal static class Rollouts
{
    /// <summary>Makes an image with the simulator's own command, uploads and publishes it.</summary>
    /// <param name="floor">The lowest version that devices take once they confirmed this one.</param>
    public static async Task Publish(
        this FleetService fleet, string model, string version, string size = "256KiB", bool bad = false, string? floor = null)
    {
        string file = Path.Combine(fleet.Folder, $"{model}-{version}.bin");
        string[] arguments = ["image", "--version", version, "--size", size, "--out", file];
        await using (var maker = ChildProcess.Start("Fleet.DeviceSim", bad ? [.. arguments, "--bad"] : arguments))
        {
            Assert.True(await maker.Exited(CancellationToken.None) == 0, maker.Output);
        }
        using var http = fleet.NewHttpClient();
        await using var content = File.OpenRead(file);
        using var response = await http.PutAsync($"/api/v1/firmware/{model}/{version}{(floor is null ? "" : $"?floor={floor}")}", new StreamContent(content));
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        await fleet.Api(HttpMethod.Post, $"firmware/{model}/{version}/publish");
    }

    public static JsonObject Request(string model, string version, JsonObject? plan = null) => new()
    {
        ["name"] = $"{version} to {model}",
        ["target"] = new JsonObject { ["query"] = $"model:{model}" },
        ["firmware"] = new JsonObject { ["model"] = model, ["version"] = version },
        ["plan"] = plan ?? Plan(),
    };

    /// <summary>A plan for a test's patience: no waiting on rates, short deadlines.</summary>
    public static JsonObject Plan(int confirmingSeconds = 60, int concurrency = 100, double thresholdPercent = 50, params double[] percents) => new()
    {
        ["phases"] = new JsonArray([.. (percents.Length == 0 ? [100] : percents).Select(p => (JsonNode)new JsonObject { ["percent"] = p })]),
        ["rate"] = new JsonObject { ["basePerMinute"] = 60_000, ["maximumPerMinute"] = 60_000 },
        ["concurrency"] = new JsonObject { ["total"] = concurrency },
        ["gates"] = new JsonArray(new JsonObject
        {
            ["failure"] = "any", ["thresholdPercent"] = thresholdPercent, ["minimumExecuted"] = 3, ["action"] = "pause",
        }),
        ["deadlines"] = new JsonObject
        {
            ["queued"] = "PT5M", ["downloading"] = "PT5M", ["installing"] = "PT1M", ["confirming"] = $"PT{confirmingSeconds}S",
        },
        ["proof"] = new JsonObject { ["kind"] = "boot", ["healthyFor"] = "PT0S" },
    };

    public static async Task<string> StartRollout(this FleetService fleet, JsonObject request) =>
        (string)(await fleet.Api(HttpMethod.Post, "rollouts", request))["id"]!;

    public static async Task<JsonNode> RolloutReaches(this FleetService fleet, string id, Func<JsonNode, bool> condition)
    {
        JsonNode rollout = new JsonObject();
        await Eventually.True(
            async () => condition(rollout = await fleet.Get($"rollouts/{id}")),
            () => $"{rollout}\n{fleet.Output}", TimeSpan.FromSeconds(120));
        return rollout;
    }

    public static Task<JsonNode> RolloutIs(this FleetService fleet, string id, string status) =>
        fleet.RolloutReaches(id, r => (string?)r["status"] == status);

    public static int Outcome(this JsonNode rollout, string name) => (int?)rollout["counts"]!["outcomes"]![name] ?? 0;
}
