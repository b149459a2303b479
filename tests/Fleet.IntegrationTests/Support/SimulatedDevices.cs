namespace Fleet.IntegrationTests.Support;

/// <summary>The device simulator, as the command a load tester starts.</summary>
public static class SimulatedDevices
{
    /// <summary>Starts <paramref name="count"/> devices and waits until the service sees them all.</summary>
    public static async Task<ChildProcess> Start(FleetService fleet, int count, string model, params string[] more)
    {
        var process = ChildProcess.Start("Fleet.DeviceSim", [
            "run", "--devices", $"{count}", "--claim", await fleet.NewClaimFile(), "--ca", fleet.CaCertificateFile,
            "--port", $"{fleet.MqttsPort}", "--model", model, "--prefix", $"{model}-", "--data", DataOf(fleet, model), "--json", .. more]);
        long seen = 0;
        await Eventually.True(
            async () =>
            {
                Assert.False(process.HasExited, process.Output);
                return (seen = await fleet.CountDevices($"model:{model} and connectivity:connected and firmware:1.0.0")) == count;
            },
            () => $"{seen} of {count} devices are in.\n{process.Output}\n{fleet.Output}");
        return process;
    }

    public static string DataOf(FleetService fleet, string model) => Path.Combine(fleet.Folder, $"devices-{model}");
}
