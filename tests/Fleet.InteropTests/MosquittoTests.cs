using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;

namespace Fleet.InteropTests;

/// <summary>mosquitto_pub and mosquitto_sub with a device certificate, over TLS on the MQTT port.</summary>
public sealed class MosquittoTests : IAsyncLifetime
{
    private FleetService _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await FleetService.Start("Fleet:Gateway:PlainPort=0");

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task A_device_publishes_and_subscribes_on_its_own_topics()
    {
        Strangers.Need("mosquitto_pub", "mosquitto-clients");
        string[] who = await Identity("amr-1");
        await using var publish = ChildProcess.Start("mosquitto_pub", [.. who, "-q", "1", "-r", "-t", "fleet/amr-1/greeting", "-m", "hello"]);
        Assert.True(await publish.Exited(Patience()) == 0, publish.Output);
        await using var subscribe = ChildProcess.Start("mosquitto_sub", [.. who, "-q", "1", "-C", "1", "-W", "20", "-t", "fleet/amr-1/#"]);
        Assert.True(await subscribe.Exited(Patience()) == 0, subscribe.Output);
        Assert.Equal("hello", subscribe.Output);
    }

    [Fact]
    public async Task A_topic_that_is_not_the_device_s_is_refused()
    {
        Strangers.Need("mosquitto_pub", "mosquitto-clients");
        string[] who = await Identity("amr-1");
        await using var five = ChildProcess.Start("mosquitto_pub", [.. who, "-V", "5", "-q", "1", "-t", "fleet/amr-2/greeting", "-m", "hello"]);
        await five.Exited(Patience());
        Assert.Contains("Not authorized", five.Output, StringComparison.OrdinalIgnoreCase);
        await using var subscribe = ChildProcess.Start("mosquitto_sub", [.. who, "-q", "1", "-C", "1", "-W", "20", "-t", "fleet/amr-2/#"]);
        await subscribe.Exited(Patience());
        Assert.Contains("denied", subscribe.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task The_plain_port_serves_development()
    {
        Strangers.Need("mosquitto_sub", "mosquitto-clients");
        string port = $"{_fleet.PlainPort}";
        await using var publish = ChildProcess.Start("mosquitto_pub", ["-p", port, "-q", "1", "-r", "-t", "dev/x", "-m", "42"]);
        Assert.True(await publish.Exited(Patience()) == 0, publish.Output);
        await using var subscribe = ChildProcess.Start("mosquitto_sub", ["-p", port, "-C", "1", "-W", "20", "-t", "dev/+"]);
        Assert.True(await subscribe.Exited(Patience()) == 0, subscribe.Output);
        Assert.Equal("42", subscribe.Output);
    }

    [Fact]
    public async Task Openssl_agrees_with_the_chain()
    {
        Strangers.Need("openssl", "openssl");
        string[] who = await Identity("amr-1");
        string certificate = who[Array.IndexOf(who, "--cert") + 1];
        await using var verify = ChildProcess.Start("openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", _fleet.CaCertificateFile, certificate);
        Assert.True(await verify.Exited(Patience()) == 0, verify.Output);
        await using var connect = ChildProcess.Start("openssl", "s_client", "-connect", $"localhost:{_fleet.MqttsPort}", "-CAfile", _fleet.CaCertificateFile,
            "-cert", certificate, "-key", who[Array.IndexOf(who, "--key") + 1], "-alpn", "x-amzn-mqtt-ca", "-verify_return_error", "-brief", "-no_ign_eof");
        await Eventually.True(() => Task.FromResult(connect.Output.Contains("Verification: OK", StringComparison.Ordinal)), () => connect.Output);
    }

    /// <summary>Enrols a device and gives mosquitto's options for it.</summary>
    private async Task<string[]> Identity(string thing)
    {
        using var certificate = await WireDevice.Enrol(_fleet, await _fleet.NewClaimFile(), thing);
        string cert = Path.Combine(_fleet.Folder, $"{thing}.crt"), key = Path.Combine(_fleet.Folder, $"{thing}.key");
        await File.WriteAllTextAsync(cert, certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(key, certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        return ["-h", "localhost", "-p", $"{_fleet.MqttsPort}", "--cafile", _fleet.CaCertificateFile, "--cert", cert, "--key", key, "-i", thing];
    }

    private static CancellationToken Patience() => new CancellationTokenSource(Eventually.Patience).Token;
}
