namespace Fleet.Samples.DotnetDevice;

/// <param name="Thing">Name of this device, 1 to 128 of <c>[a-zA-Z0-9:_-]</c>; also its MQTT client id.</param>
/// <param name="FactoryVersion">What a device runs that was never updated.</param>
/// <param name="Folder">The device's disk: key, certificate, slots, state.</param>
/// <param name="CaFile">PEM; the one authority this device trusts.</param>
/// <param name="ClaimFile">JSON that POST /api/v1/claims answered; read only while the device has no certificate of its own.</param>
/// <param name="Once">Leave after the first job that ended, with an exit code that says how.</param>
internal sealed record DeviceOptions(
    string Host, int Port, string Thing, string Model, Version FactoryVersion, string Folder, string CaFile, string ClaimFile, bool Once)
{
    public const string Usage = """
        dotnet-device --thing NAME --model MODEL --ca FILE --claim FILE
            [--host localhost] [--port 8883] [--version 1.0.0] [--data device] [--once]
        Exit code: 0 stopped, or with --once the job succeeded; 1 it failed; 2 it was rejected; 64 usage.
        """;

    /// <summary>Null if the arguments are not as <see cref="Usage"/> says.</summary>
    public static DeviceOptions? Parse(string[] args)
    {
        bool once = args.Contains("--once");
        string[] pairs = [.. args.Where(a => a != "--once")];
        if (pairs.Length % 2 != 0) return null;
        var values = new Dictionary<string, string>
        {
            ["--host"] = "localhost", ["--port"] = "8883", ["--version"] = "1.0.0", ["--data"] = "device",
        };
        foreach (string[] pair in pairs.Chunk(2)) values[pair[0]] = pair[1];
        string[] names = "--host --port --thing --model --version --data --ca --claim".Split(' ');
        if (values.Count != names.Length || !names.All(values.ContainsKey)) return null;
        if (!int.TryParse(values["--port"], out int port) || !Version.TryParse(values["--version"], out var version)) return null;
        return new DeviceOptions(values["--host"], port, values["--thing"], values["--model"], version,
            values["--data"], values["--ca"], values["--claim"], once);
    }
}
