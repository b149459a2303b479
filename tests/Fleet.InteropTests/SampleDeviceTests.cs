using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;

namespace Fleet.InteropTests;

/// <summary>The sample device of samples/dotnet-device, as its user starts it, against a whole service.</summary>
public sealed class SampleDeviceTests : IAsyncLifetime
{
    private const string Model = "press";
    private FleetService _fleet = null!;
    private string _claim = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await FleetService.Start();
        _claim = await _fleet.NewClaimFile();
    }

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task It_lets_itself_in_updates_and_proves_it_by_its_start()
    {
        await using var device = Start("--once");
        await Says(device, "is connected");
        string rollout = await RollOut("1.1.0");
        Assert.True(await device.Exited(Patience()) == 0, device.Output);
        Assert.Equal(1, (await _fleet.RolloutIs(rollout, "completed")).Outcome("succeeded"));
        Assert.Equal(1, await _fleet.CountDevices("model:press and firmware=1.1.0"));
        byte[] uploaded = await File.ReadAllBytesAsync(Path.Combine(_fleet.Folder, "press-1.1.0.bin"));
        Assert.Equal(uploaded, await File.ReadAllBytesAsync(Path.Combine(Disk, "slot-b")));
        Assert.Contains("press-7 runs 1.0.0 from slot a", device.Output, StringComparison.Ordinal);
        Assert.Contains("press-7 runs 1.1.0 from slot b", device.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_rejects_a_version_below_its_floor_and_says_why()
    {
        await using (var device = Start("--once"))
        {
            await Says(device, "is connected");
            await RollOut("1.1.0", floor: "1.1.0");
            Assert.True(await device.Exited(Patience()) == 0, device.Output);
        }
        await using var later = Start("--once");
        await Says(later, "is connected");
        string downgrade = await RollOut("1.0.5");
        Assert.True(await later.Exited(Patience()) == 2, later.Output);
        Assert.Equal(("rejected", "version 1.0.5 is below this device's floor 1.1.0"), await Outcome(downgrade));
        Assert.Equal(1, await _fleet.CountDevices("model:press and firmware=1.1.0"));
    }

    [Fact]
    public async Task It_rejects_firmware_that_another_signed()
    {
        await using (var device = Start())
        {
            await Says(device, "is connected");
            await device.Terminate(Patience());
            Assert.Equal(0, device.ExitCode);
        }
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var another = new CertificateRequest("CN=another signer", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue);
        await File.WriteAllTextAsync(Path.Combine(Disk, "firmware-signer.pem"), another.ExportCertificatePem());
        string rollout = await RollOut("1.1.0");
        await using var later = Start("--once");
        Assert.True(await later.Exited(Patience()) == 2, later.Output);
        Assert.Equal(("rejected", "the manifest is not signed by the firmware signer"), await Outcome(rollout));
    }

    [Fact]
    public async Task It_goes_on_with_its_download_after_the_service_was_killed()
    {
        await using var device = Start("--once");
        await Says(device, "is connected");
        string rollout = await RollOut("1.1.0", size: "15MiB");
        await Eventually.True(
            () => Task.FromResult(new DirectoryInfo(Disk).EnumerateFiles("*.part").Any(part => part.Length > 0)), () => device.Output);
        await _fleet.Kill();
        await Says(device, "connects again");
        await _fleet.StartAgain();
        Assert.True(await device.Exited(Patience()) == 0, device.Output);
        Assert.Equal(1, (await _fleet.RolloutIs(rollout, "completed")).Outcome("succeeded"));
        Assert.Matches("downloads 1.1.0, has [1-9][0-9]* of 15728640 bytes", device.Output);
    }

    private string Disk => Path.Combine(_fleet.Folder, "press-7");

    private ChildProcess Start(params string[] more) => ChildProcess.Start("Fleet.Samples.DotnetDevice",
    [
        "--thing", "press-7", "--model", Model, "--ca", _fleet.CaCertificateFile, "--claim", _claim,
        "--port", $"{_fleet.MqttsPort}", "--data", Disk, .. more,
    ]);

    private async Task<string> RollOut(string version, string size = "256KiB", string? floor = null)
    {
        await _fleet.Publish(Model, version, size, floor: floor);
        return await _fleet.StartRollout(Rollouts.Request(Model, version));
    }

    private async Task<(string, string)> Outcome(string rollout)
    {
        await _fleet.RolloutIs(rollout, "completed");
        var execution = Assert.Single((await _fleet.Get($"rollouts/{rollout}/executions"))["items"]!.AsArray())!;
        return ((string)execution["outcome"]!, (string)execution["detail"]!);
    }

    private static Task Says(ChildProcess device, string words) =>
        Eventually.True(() => Task.FromResult(device.Output.Contains(words, StringComparison.Ordinal)), () => device.Output);

    private static CancellationToken Patience() => new CancellationTokenSource(Eventually.Patience).Token;
}
