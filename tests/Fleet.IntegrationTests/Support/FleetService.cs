using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Faults;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests.Support;

/// <summary>The whole service, silo and gateway, as the process a user would start; on free ports, in a folder of its own.</summary>
public sealed class FleetService : IAsyncDisposable
{
    private readonly string[] _settings;
    private readonly ForgetfulDisk? _disk;
    private FleetProcess _process;

    private FleetService(string folder, string[] settings, FleetProcess process, ForgetfulDisk? disk = null) =>
        (Folder, _settings, _process, _disk) = (folder, settings, process, disk);

    /// <summary>Holds the service's data in <c>data</c>; tests may put files of their own beside it.</summary>
    public string Folder { get; }
    public string CaCertificateFile => (string)_process.Listening["caCertificate"]!;
    public int MqttsPort => _process.MqttsPort;
    public int PlainPort => _process.PlainPort;
    public Uri Http => new((string)_process.Listening["http"]!);
    public Uri Metrics => _process.Metrics;
    public int ProcessId => (int)_process.Listening["processId"]!;
    public string AdminToken => File.ReadAllText((string)_process.Listening["adminToken"]!).Trim();
    public string Output => _process.Output;

    /// <param name="settings">More settings, such as <c>Fleet:Gateway:PlainPort=0</c>.</param>
    public static Task<FleetService> Start(params string[] settings) =>
        StartIn(Directory.CreateTempSubdirectory("fleet-test-").FullName, settings);

    /// <param name="folder">Has a service's data in <c>data</c>, and is deleted at the end.</param>
    public static async Task<FleetService> StartIn(string folder, params string[] settings) =>
        new(folder, settings, await Run(folder, settings));

    /// <summary>With its data on a disk that forgets and fails.</summary>
    internal static async Task<FleetService> StartOn(ForgetfulDisk disk, params string[] settings) =>
        new(disk.Folder, settings, await Run(disk.Folder, settings, disk), disk);

    /// <summary>As a silo with a gateway of a cluster, which other processes may join with the settings <see cref="ForOthers"/>.</summary>
    internal static Task<FleetService> StartCluster(PostgresTestDatabase database, params string[] settings)
    {
        string folder = Directory.CreateTempSubdirectory("fleet-test-").FullName;
        return StartIn(folder,
        [
            "Fleet:Cluster:Enabled=true", "Fleet:Cluster:SiloPort=0", "Fleet:Cluster:GatewayPort=0", "Fleet:Storage:Provider=postgres",
            $"Fleet:Storage:ConnectionString={database.ConnectionString}", $"Fleet:SharedDirectory={Path.Combine(folder, "shared")}", .. settings,
        ]);
    }

    /// <summary>Where its database and its shared folder are.</summary>
    public IEnumerable<string> ForOthers => _settings.Where(setting =>
        setting.StartsWith("Fleet:Storage:", StringComparison.Ordinal) || setting.StartsWith("Fleet:SharedDirectory", StringComparison.Ordinal));

    public Task Kill() => _process.Kill();

    /// <summary>Kills it, and leaves of its data what was synced.</summary>
    public async Task CutPower()
    {
        await Kill();
        _disk!.CutPower();
    }

    public Task Terminate(CancellationToken cancellation) => _process.Terminate(cancellation);

    /// <summary>Starts it again on the ports it had, with the data it left.</summary>
    public async Task StartAgain()
    {
        string[] ports = [$"Fleet:Gateway:MqttsPort={MqttsPort}", $"Fleet:Http:Port={Http.Port}", $"Fleet:Metrics:Port={Metrics.Port}"];
        await _process.DisposeAsync();
        _process = await Run(Folder, [.. _settings, .. ports], _disk);
    }

    public HttpClient NewHttpClient(string? token = null)
    {
        var client = new HttpClient { BaseAddress = Http };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token ?? AdminToken);
        return client;
    }

    /// <summary>Calls the admin API and expects success.</summary>
    public async Task<JsonNode> Api(HttpMethod method, string path, JsonNode? body = null)
    {
        using var client = NewHttpClient();
        using var request = new HttpRequestMessage(method, $"/api/v1/{path}") { Content = body is null ? null : JsonContent.Create(body) };
        using var response = await client.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{method} {path} answered {(int)response.StatusCode}: {text}\n{Output}");
        return text.Length == 0 ? new JsonObject() : JsonNode.Parse(text)!;
    }

    public Task<JsonNode> Get(string path) => Api(HttpMethod.Get, path);

    /// <summary>Calls the admin API and expects a problem (RFC 9457) with this status and type.</summary>
    public async Task<JsonNode> Problem(HttpMethod method, string path, HttpContent? content, HttpStatusCode status, string code)
    {
        using var client = NewHttpClient();
        using var request = new HttpRequestMessage(method, $"/api/v1/{path}") { Content = content };
        using var response = await client.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(status == response.StatusCode, $"{method} {path} answered {(int)response.StatusCode} instead of {(int)status}: {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = JsonNode.Parse(text)!;
        Assert.Equal($"urn:fleet:error:{code}", (string?)problem["type"]);
        return problem;
    }

    public async Task<long> CountDevices(string query) =>
        (long)(await Get($"devices?limit=1&count=true&query={Uri.EscapeDataString(query)}"))["count"]!;

    /// <summary>Makes a claim certificate and writes the API's answer to a file, as an operator would.</summary>
    public async Task<string> NewClaimFile(string label = "test", string? thing = null)
    {
        var body = new JsonObject { ["label"] = label };
        if (thing is not null) body["thing"] = thing;
        string file = Path.Combine(Folder, $"claim-{Guid.NewGuid():n}.json");
        await File.WriteAllTextAsync(file, (await Api(HttpMethod.Post, "claims", body)).ToJsonString());
        return file;
    }

    /// <summary>How a client with this certificate connects over TLS.</summary>
    public MqttClientOptions ClientWith(X509Certificate2 certificate, string clientId) => new()
    {
        Host = "localhost",
        Port = MqttsPort,
        Transport = MqttTransport.Tls,
        ClientId = clientId,
        Tls = TlsFor(certificate),
    };

    private TlsOptions TlsFor(X509Certificate2 certificate) => new()
    {
        ClientCertificate = certificate,
        TrustAnchors = [X509CertificateLoader.LoadCertificateFromFile(CaCertificateFile)],
    };

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    private static Task<FleetProcess> Run(string folder, string[] settings, ForgetfulDisk? disk = null) => FleetProcess.Start(
        disk?.Environment ?? ImmutableDictionary<string, string>.Empty,
        [$"Fleet:DataDirectory={Path.Combine(folder, "data")}", .. settings]);
}
