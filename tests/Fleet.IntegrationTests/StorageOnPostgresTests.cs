using System.Net;
using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

/// <summary>A single process with its records in PostgreSQL: in Fleet's tables, or with grain states in those of Orleans' own provider.</summary>
public sealed class StorageOnPostgresTests
{
    private const int Devices = 10;

    [Theory, InlineData("postgres"), InlineData("adonet")]
    public async Task A_fleet_takes_a_version_and_the_service_goes_on_where_it_was_killed(string provider)
    {
        using var database = new PostgresTestDatabase();
        await using var fleet = await FleetService.Start(Settings(provider, database.ConnectionString));
        await using var devices = await SimulatedDevices.Start(fleet, Devices, "amr", "--block-size", "16384");
        await fleet.Publish("amr", "1.1.0", size: "256KiB");
        string id = await fleet.StartRollout(Rollouts.Request("amr", "1.1.0", Rollouts.Plan(concurrency: 3, percents: [20, 100])));
        await fleet.RolloutReaches(id, r => r.Outcome("succeeded") is >= 2 and < Devices);
        await fleet.Kill();
        await fleet.StartAgain();
        Assert.Equal(Devices, (await fleet.RolloutIs(id, "completed")).Outcome("succeeded"));
        Assert.Equal(Devices, await fleet.CountDevices("model:amr and firmware>=1.1.0 and not never"));
        Assert.False(File.Exists(Path.Combine(fleet.Folder, "data", "fleet.db")));
        Assert.Equal(provider == "adonet", (long)database.Scalar("SELECT COUNT(*) FROM OrleansStorage")! > 0);
    }

    [Theory, InlineData("postgres", "adonet"), InlineData("adonet", "postgres")]
    public async Task A_database_with_the_states_of_one_provider_is_refused_with_the_other(string first, string second)
    {
        using var database = new PostgresTestDatabase();
        await using (var fleet = await FleetService.Start(Settings(first, database.ConnectionString)))
        {
            using var client = fleet.NewHttpClient();
            await Register(client, "robot-1", "x", HttpStatusCode.Created);
        }
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => FleetService.Start(Settings(second, database.ConnectionString)));
        Assert.Contains($"holds grain states of Fleet:Storage:Provider={first}", refused.Message, StringComparison.Ordinal);
    }

    [Theory, InlineData("postgres"), InlineData("adonet")]
    public async Task While_the_database_is_gone_writes_answer_503_and_readiness_is_red_and_both_come_back(string provider)
    {
        using var server = PostgresProcess.Start();
        await using var fleet = await FleetService.Start(Settings(provider, server.ConnectionString));
        using var client = fleet.NewHttpClient();
        // The grain is active and has its record, when the database goes.
        await Register(client, "robot-1", "before", HttpStatusCode.Created);
        Assert.Equal(HttpStatusCode.OK, await Ready(fleet));

        server.Kill();
        await Register(client, "robot-1", "during", HttpStatusCode.ServiceUnavailable);
        await Eventually.True(async () => await Ready(fleet) == HttpStatusCode.ServiceUnavailable, () => fleet.Output);

        server.StartAgain();
        await Eventually.True(async () => await Ready(fleet) == HttpStatusCode.OK, () => fleet.Output);
        // The grain reads again: it has what was acknowledged, and not what was refused.
        Assert.Equal("before", (string?)(await fleet.Get("devices/robot-1"))["attributes"]!["note"]);
        await Register(client, "robot-1", "after", HttpStatusCode.OK);
        Assert.Equal("after", (string?)(await fleet.Get("devices/robot-1"))["attributes"]!["note"]);
        Assert.Equal(1, await fleet.CountDevices("note:after"));
    }

    private static string[] Settings(string provider, string connection) =>
        [$"Fleet:Storage:Provider={provider}", $"Fleet:Storage:ConnectionString={connection}"];

    private static async Task Register(HttpClient client, string thing, string note, HttpStatusCode expected)
    {
        using var content = new StringContent($$$"""{"model":"amr","attributes":{"note":"{{{note}}}"}}""", System.Text.Encoding.UTF8, "application/json");
        using var response = await client.PutAsync(new Uri($"/api/v1/devices/{thing}", UriKind.Relative), content);
        Assert.True(expected == response.StatusCode, $"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
    }

    private static async Task<HttpStatusCode> Ready(FleetService fleet)
    {
        using var client = new HttpClient();
        using var response = await client.GetAsync(new Uri(fleet.Metrics, "/readyz"));
        return response.StatusCode;
    }
}
