using System.Globalization;
using System.IO.Compression;
using Fleet.DeviceSim.Agent.Jobs;
using Fleet.IntegrationTests.Support;
using Microsoft.Data.Sqlite;
using Orleans.Runtime;

namespace Fleet.IntegrationTests;

/// <summary>
/// A data directory of the build before Orleans ran everywhere, as a kill left it: three devices in the middle of a rollout that one has
/// finished, a rule, a retained message, and a persistent session with a message for a client that is away.
/// </summary>
public sealed class UpgradeTests : IDisposable
{
    private const string Rollout = "r-01a22c1407a77bf4b5a5578371cb913c";

    private readonly string _folder = Directory.CreateTempSubdirectory("fleet-upgrade-").FullName;

    public UpgradeTests()
    {
        ZipFile.ExtractToDirectory(Path.Combine(AppContext.BaseDirectory, "Fixtures", "data-before-orleans.zip"), _folder);
        // A session ends an hour after its client left: it has just left.
        using var database = Open();
        using var command = database.CreateCommand();
        command.CommandText = "UPDATE sessions SET disconnected_at = strftime('%Y-%m-%dT%H:%M:%f0000Z')";
        Assert.Equal(1, command.ExecuteNonQuery());
    }

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task What_the_former_build_stored_is_there_and_goes_on()
    {
        await using var fleet = await FleetService.StartIn(_folder, "Fleet:Gateway:PlainPort=0");
        Assert.Equal(3, await fleet.CountDevices("model:amr"));
        Assert.Equal(1, await fleet.CountDevices("firmware:1.1.0"));
        Assert.Equal("published", (string?)(await fleet.Get("firmware/amr/1.1.0"))["status"]);
        Assert.Equal("factory/+/telemetry", (string?)(await fleet.Get("rules/telemetry"))["topicFilter"]);
        await using (var client = await RawMqtt.Connect(fleet.PlainPort, "line-3"))
        {
            Assert.True(client.SessionPresent);
            Assert.Contains("while you were away", System.Text.Encoding.UTF8.GetString((await client.Next())!.Body), StringComparison.Ordinal);
        }

        // The rollout's grains come up from what they stored, count on, and end.
        Assert.Equal(1, (await fleet.Get($"rollouts/{Rollout}")).Outcome("succeeded"));
        await fleet.Api(HttpMethod.Post, $"rollouts/{Rollout}/cancel");
        Assert.Equal(1, (await fleet.RolloutIs(Rollout, "cancelled")).Outcome("succeeded"));

        // A claim from before lets a device in.
        await using var device = ChildProcess.Start("Fleet.DeviceSim",
            "run", "--devices", "1", "--claim", Path.Combine(_folder, "claim.json"), "--ca", fleet.CaCertificateFile, "--port", $"{fleet.MqttsPort}",
            "--model", "amr", "--prefix", "new-", "--data", Path.Combine(_folder, "devices"), "--json");
        await Eventually.True(
            async () => await fleet.CountDevices("model:amr and connectivity:connected") == 1, () => $"{device.Output}\n{fleet.Output}");
    }

    /// <summary>A silo reads the reminders of its part of the ring by hash; one under another hash would never be found.</summary>
    [Fact]
    public void Orleans_gives_the_ids_of_reminders_the_hashes_that_they_were_stored_under()
    {
        using var database = Open();
        using var command = database.CreateCommand();
        command.CommandText = "SELECT grain, hash FROM reminders";
        List<(string Grain, uint Hash)> rows = [];
        using (var row = command.ExecuteReader())
            while (row.Read()) rows.Add((row.GetString(0), Convert.ToUInt32(row.GetInt64(1), CultureInfo.InvariantCulture)));
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Equal(row.Hash, GrainId.Parse(row.Grain).GetUniformHashCode()));
    }

    private SqliteConnection Open()
    {
        var database = new SqliteConnection($"Data Source={Path.Combine(_folder, "data", "fleet.db")};Pooling=false");
        database.Open();
        return database;
    }
}
