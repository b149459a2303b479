using System.Security.Cryptography.X509Certificates;
using Fleet.DeviceSim.Agent;
using Fleet.DeviceSim.Agent.Boot;
using Fleet.DeviceSim.Agent.Fetch;

namespace Fleet.UnitTests.DeviceSim;

/// <summary>The whole agent on a real folder; only the service is a stand-in.</summary>
public sealed class AgentTests
{
    private static readonly Firmware Next = Firmware.Of("1.1.0", bytes: 150_000) with { Floor = "1.1.0" };

    [Fact]
    public async Task A_device_lets_itself_in_once_and_presents_itself()
    {
        await using var rig = new DeviceRig();
        rig.PowerOn();
        await rig.Cloud.Hears("shadow 1.0.0 a ok");
        await rig.Cloud.Hears("heartbeat");
        Assert.Contains("provision amr-1 amr tokyo", rig.Cloud.Told);
        Assert.Contains("""{"status":"online"}""", rig.Cloud.Told);
        await rig.PowerOff();
        using var certificate = X509Certificate2.CreateFromPemFile(Path.Combine(rig.Folder, "certificate.pem"), Path.Combine(rig.Folder, "key.pem"));
        Assert.Equal("CN=amr-1", certificate.Subject);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(rig.Folder, "key.pem")));

        rig.PowerOn();
        await rig.Cloud.Hears("shadow", times: 2);
        Assert.Single(rig.Cloud.Told, "provision amr-1 amr tokyo");
    }

    [Fact]
    public async Task A_firmware_signer_of_another_authority_is_not_taken()
    {
        await using var rig = new DeviceRig();
        rig.Cloud.SignerOf = Pki.Theirs;
        rig.PowerOn();
        await rig.Cloud.Hears("provision", times: 2);
        Assert.False(File.Exists(Path.Combine(rig.Folder, "certificate.pem")));
        rig.Cloud.SignerOf = Pki.Ours;
        await rig.Cloud.Hears("shadow");
    }

    [Theory, InlineData("cbor"), InlineData("json")]
    public async Task An_update_is_fetched_installed_proved_and_reported(string format)
    {
        await using var rig = new DeviceRig { Options = DeviceRig.Quick with { Format = format == "cbor" ? StreamFormat.Cbor : StreamFormat.Json } };
        rig.PowerOn();
        await rig.Cloud.Hears("heartbeat");
        rig.Cloud.Offer(Next);
        await rig.Cloud.Hears("SUCCEEDED: runs 1.1.0 from slot b");
        await rig.PowerOff();
        // The claim's connection is over before the first shadow.
        var told = rig.Cloud.Told.SkipWhile(t => t != "shadow 1.0.0 a ok").Where(t => t.Split(' ')[0] is "shadow" or "step" or "SUCCEEDED:" or "disconnect");
        Assert.Equal(
            ["shadow 1.0.0 a ok", "step installing", "step confirming", "disconnect", "shadow 1.1.0 b ok", "SUCCEEDED: runs 1.1.0 from slot b"],
            told.Take(6));
        Assert.Equal((Slot.B, null, "1.1.0", 1), (rig.State.Active, rig.State.Trial, rig.State.Floor, rig.State.Installs["1.1.0"]));
        Assert.Equal(Next.Image, File.ReadAllBytes(Path.Combine(rig.Folder, "slot-b", "image")));
        Assert.Equal(37, rig.Cloud.BlocksSent);
    }

    [Fact]
    public async Task Lost_blocks_are_asked_for_again()
    {
        await using var rig = new DeviceRig { Options = DeviceRig.Quick with { BlockTimeout = TimeSpan.FromMilliseconds(300) } };
        foreach (int block in new[] { 1, 5, 30, 36 }) rig.Cloud.LoseOnce[block] = true;
        rig.Cloud.Offer(Next);
        rig.PowerOn();
        await rig.Cloud.Hears("SUCCEEDED");
        // 1, 5, 30 and the five that had not been asked for, relative to block 1.
        Assert.Contains("get 1+8 110000A00F", rig.Cloud.Told);
    }

    [Fact]
    public async Task A_lost_connection_goes_on_where_it_was()
    {
        await using var rig = new DeviceRig();
        bool up = true;
        rig.Cloud.OnBlock = block => block != 32 || (up = !up);
        rig.Cloud.Offer(Next);
        rig.PowerOn();
        await rig.Cloud.Hears("SUCCEEDED");
        Assert.Equal(37, rig.Cloud.BlocksSent);
        Assert.Equal(["get 0+32", "get 32+5", "get 32+5"], rig.Cloud.Told.Where(told => told.StartsWith("get", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_server_that_is_down_for_a_while_is_found_again()
    {
        await using var rig = new DeviceRig();
        rig.PowerOn();
        await rig.Cloud.Hears("heartbeat");
        rig.Cloud.IsUp = false;
        rig.Cloud.Kill();
        await Eventually.True(() => rig.Agent.View.Connection == ConnectionState.BackingOff && rig.Agent.View.Trouble!.Contains("refused", StringComparison.Ordinal));
        rig.Cloud.Offer(Next);
        rig.Cloud.IsUp = true;
        await rig.Cloud.Hears("SUCCEEDED");
    }

    [Fact]
    public async Task A_cancelled_download_is_dropped_and_the_next_job_is_done()
    {
        await using var rig = new DeviceRig();
        rig.Cloud.LoseOnce[20] = true;
        rig.Cloud.OnBlock = block =>
        {
            if (block == 30) rig.Cloud.Cancel();
            return true;
        };
        rig.Cloud.Offer(Next);
        rig.PowerOn();
        await Eventually.True(() => rig.Cloud.JobStatus == "CANCELED" && rig.Agent.View.Connection == ConnectionState.Connected && rig.State.Update is null
            && !File.Exists(Path.Combine(rig.Folder, "slot-b", "image.part")));
        rig.Cloud.OnBlock = _ => true;
        rig.Cloud.Offer(Firmware.Of("1.0.1"), "job-2");
        await rig.Cloud.Hears("SUCCEEDED: runs 1.0.1");
        Assert.DoesNotContain("1.1.0", rig.State.Installs.Keys);
    }

    [Fact]
    public async Task A_repeated_notification_does_not_start_the_job_again()
    {
        await using var rig = new DeviceRig();
        rig.Cloud.OnBlock = block =>
        {
            rig.Cloud.Repeat();
            return true;
        };
        rig.Cloud.Offer(Next);
        rig.PowerOn();
        await rig.Cloud.Hears("SUCCEEDED");
        Assert.Equal((37, 1), (rig.Cloud.BlocksSent, rig.State.Installs["1.1.0"]));
    }

    [Fact]
    public async Task A_firmware_for_another_model_is_rejected_without_fetching_a_byte()
    {
        await using var rig = new DeviceRig();
        rig.Cloud.Offer(Next with { Model = "crane" });
        rig.PowerOn();
        await rig.Cloud.Hears("REJECTED: the firmware is for model crane, this device is amr");
        Assert.Equal(0, rig.Cloud.BlocksSent);
    }

    [Fact]
    public async Task A_version_below_the_floor_is_rejected()
    {
        await using var rig = new DeviceRig();
        rig.Cloud.Offer(Next);
        rig.PowerOn();
        await rig.Cloud.Hears("SUCCEEDED");
        rig.Cloud.Offer(Firmware.Of("1.0.9"), "job-2");
        await rig.Cloud.Hears("REJECTED: version 1.0.9 is below this device's floor 1.1.0");
    }

    [Fact]
    public async Task Wrong_bytes_fail_after_three_downloads_and_the_device_stays_as_it_is()
    {
        await using var rig = new DeviceRig();
        rig.Cloud.Offer(Firmware.Of("1.1.0", bytes: 9_000) with { Served = new byte[9_000] });
        rig.PowerOn();
        await rig.Cloud.Hears("FAILED: the digest is");
        Assert.Equal(3 * 3, rig.Cloud.BlocksSent);
        await rig.PowerOff();
        Assert.Empty(rig.State.Installs);
        Assert.False(File.Exists(Path.Combine(rig.Folder, "slot-b", "image.part")));
    }

    [Fact]
    public async Task A_bad_image_reports_its_health_fails_and_the_old_one_comes_back()
    {
        await using var rig = new DeviceRig();
        rig.Cloud.Offer(Firmware.Of("1.2.0", health: "failed"));
        rig.PowerOn();
        await rig.Cloud.Hears("shadow 1.2.0 b failed");
        await rig.Cloud.Hears("FAILED: health is failed on 1.2.0 from slot b");
        await rig.Cloud.Hears("shadow 1.0.0 a ok", times: 2);
        Assert.Equal((Slot.A, null, 1), (rig.State.Active, rig.State.Floor, rig.State.Installs["1.2.0"]));
    }

    [Fact]
    public async Task Any_bytes_are_an_image()
    {
        await using var rig = new DeviceRig();
        rig.Cloud.Offer(new Firmware("3.0.0", [1, 2, 3]));
        rig.PowerOn();
        await rig.Cloud.Hears("SUCCEEDED: runs 3.0.0 from slot b");
    }
}
