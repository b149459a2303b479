using System.Net;
using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests.Faults;

/// <summary>
/// The service on a disk that forgets what was not synced: whatever was acknowledged is there after a power cut. <c>FLEET_POWER_CUTS</c> says how
/// often (3), <c>FLEET_KILL_SEED</c> at which moments (1).
/// </summary>
public sealed class PowerCutTests(ITestOutputHelper output)
{
    private const int LongestLifeMs = 1_000;

    [Fact]
    public async Task The_disk_forgets_what_was_not_synced_and_keeps_what_was()
    {
        const string Writer = """
            #include <fcntl.h>
            #include <stdio.h>
            #include <unistd.h>
            static int make(const char *name, int synced) {
                int fd = open(name, O_CREAT | O_RDWR, 0600);
                if (write(fd, "old", 3) != 3) return 1;
                if (synced) fsync(fd);
                return fd;
            }
            static void sync_folder(const char *name) { int fd = open(name, O_RDONLY); fsync(fd); close(fd); }
            int main(int count, char **names) {
                static const char *const all[] = { "kept", "changed", "nameless", "empty", "gone", "moved-from", "moved-to" };
                char path[7][512];
                if (count != 2) return 1;
                for (int i = 0; i < 7; i++) snprintf(path[i], sizeof path[i], "%s/%s", names[1], all[i]);
                make(path[0], 1);
                int changed = make(path[1], 1);
                make(path[3], 0);
                make(path[4], 1);
                make(path[5], 1);
                sync_folder(names[1]);
                make(path[2], 1);
                if (pwrite(changed, "new", 3, 0) != 3 || pwrite(changed, "more", 4, 3) != 4) return 1;
                unlink(path[4]);
                rename(path[5], path[6]);
                return 0;
            }
            """;
        var disk = await ForgetfulDisk.Make();
        string program = Path.Combine(disk.Folder, "writer"), data = Path.Combine(disk.Folder, "data");
        await File.WriteAllTextAsync($"{program}.c", Writer);
        await using (var gcc = ChildProcess.Start("gcc", "-o", program, $"{program}.c"))
            Assert.True(await gcc.Exited(CancellationToken.None) == 0, gcc.Output);
        await using (var writer = ChildProcess.Start(program, disk.Environment, data))
            Assert.True(await writer.Exited(CancellationToken.None) == 0, writer.Output);
        Assert.Equal("oldmore".Length, new FileInfo(Path.Combine(data, "changed")).Length);
        disk.CutPower();
        Assert.Equal(
            ["changed=old", "empty=", "gone=old", "kept=old", "moved-from=old"],
            Directory.GetFiles(data).Order(StringComparer.Ordinal).Select(file => $"{Path.GetFileName(file)}={File.ReadAllText(file)}"));
        Directory.Delete(disk.Folder, recursive: true);
    }

    [Fact]
    public async Task What_was_acknowledged_is_there_however_often_the_power_is_cut()
    {
        int cuts = Setting("FLEET_POWER_CUTS", 3), seed = Setting("FLEET_KILL_SEED", 1);
        var moments = new Random(seed);
        var disk = await ForgetfulDisk.Make();
        await using var fleet = await FleetService.StartOn(disk, "Fleet:Gateway:PlainPort=0", "Fleet:Gateway:MaxQueuedMessages=1000000");
        // Devices trust the authority that the first start made, and operators have the token.
        string token = fleet.AdminToken, ca = await File.ReadAllTextAsync(fleet.CaCertificateFile);
        await fleet.CutPower();
        await fleet.StartAgain();
        Assert.Equal((token, ca), (fleet.AdminToken, await File.ReadAllTextAsync(fleet.CaCertificateFile)));

        var writers = await AcknowledgedWrites.Start(fleet);
        var publisher = new PersistentPublisher(() => fleet.PlainPort, "one", Qos.AtLeastOnce);
        var subscriber = new PersistentSubscriber(() => fleet.PlainPort, "absent");
        await using (await subscriber.Connect()) await subscriber.Subscribe();
        // Nobody listens there, so the queue keeps what it took.
        await fleet.Api(HttpMethod.Put, "rules/r", JsonNode.Parse("""{"topicFilter":"kill/#","action":{"webhook":{"url":"http://127.0.0.1:9/"}},"maxAttempts":20}"""));
        var uploads = new AcknowledgedUploads(fleet);

        for (int cut = 1; cut <= cuts; cut++)
        {
            using var killed = new CancellationTokenSource();
            var written = writers.WriteUntilKilled(fleet);
            var published = publisher.PublishUntil(killed.Token);
            await uploads.Upload();
            var interrupted = uploads.UploadUntilKilled();
            await Task.Delay(TimeSpan.FromMilliseconds(moments.Next(LongestLifeMs)), TimeProvider.System);
            writers.KillIsComing();
            await fleet.CutPower();
            await killed.CancelAsync();
            await Task.WhenAll(written, published, interrupted);
            await fleet.StartAgain();

            string when = $"after power cut {cut} of seed {seed}";
            await writers.AllAreThere(fleet, when);
            await uploads.AllAreThere(when);
            var rule = await fleet.Get("rules/r/status");
            Assert.True((int)rule["queued"]! >= publisher.Acknowledged, $"{rule["queued"]} of {publisher.Acknowledged} wait for the rule {when}.");
        }
        await publisher.Finish();
        await subscriber.ReceiveAll([publisher]);
        subscriber.Check(publisher, $"{cuts} power cuts of seed {seed}");
        await writers.ClaimsAreStillThere(fleet);
        output.WriteLine($"{cuts} power cuts with seed {seed}: {writers}; {publisher}; {subscriber}; {uploads}");
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text) : otherwise;
}

/// <summary>Firmware that was uploaded, and what each file holds.</summary>
internal sealed class AcknowledgedUploads(FleetService fleet)
{
    private readonly Dictionary<string, byte[]> _files = [];
    private int _last;

    public async Task Upload()
    {
        using var http = fleet.NewHttpClient();
        string version = $"1.{++_last}.0";
        byte[] content = new byte[300_000];
        new Random(_last).NextBytes(content);
        using var response = await http.PutAsync($"/api/v1/firmware/amr/{version}", new ByteArrayContent(content));
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        _files[version] = content;
    }

    /// <summary>Returns when the service is gone.</summary>
    public async Task UploadUntilKilled()
    {
        try
        {
            while (true) await Upload();
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            // The service was killed under it.
        }
    }

    public async Task AllAreThere(string when)
    {
        using var http = fleet.NewHttpClient();
        foreach (var (version, content) in _files)
        {
            byte[] stored = await http.GetByteArrayAsync($"/api/v1/firmware/amr/{version}/content");
            Assert.True(content.AsSpan().SequenceEqual(stored), $"amr {version} {when}");
        }
    }

    public override string ToString() => $"{_files.Count} uploads";
}
