#:property PublishAot=false
#:package Npgsql

// A cluster on one machine, and the worst that can happen to it: two silos and two gateways on loopback, over a PostgreSQL server, roll firmware
// out to a simulated fleet; in the middle one silo and one gateway are killed (SIGKILL). Every device must end with the new version, installed once.
//
//   dotnet run deploy/cluster/rehearsal.cs -- --postgres "Host=127.0.0.1;Username=postgres" [--devices 500] [--size 256KiB]
//       [--restart-gateway] [--restart-silo] [--keep] [--binaries folder]
//
// --postgres         a server on which a database of its own may be made; it is dropped at the end
// --restart-gateway  starts the killed gateway again, on its port, 20 s after its end; --restart-silo the killed silo
// --keep             leaves the processes' logs and the devices' disks where they are, and says where
// --binaries         where Fleet.Silo.dll and Fleet.DeviceSim.dll are; without it, silo and device-sim are built first
//
// It prints one line of JSON with figures at the end. The exit code is 0 only if every device was let in and updated, each installed once,
// and the rollout counted every one of them as succeeded.

using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Npgsql;

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) => { e.Cancel = true; stop.Cancel(); };
try
{
    return await new Rehearsal(Options.Parse(args), stop.Token).Run();
}
catch (Exception e) when (e is RehearsalException or OperationCanceledException or NpgsqlException or HttpRequestException)
{
    await Console.Error.WriteLineAsync($"rehearsal: {e.Message}");
    return 1;
}

internal sealed class RehearsalException(string message) : Exception(message);

internal sealed record Options(string Postgres, int Devices, string Size, bool RestartGateway, bool RestartSilo, bool Keep, string? Binaries)
{
    public static Options Parse(string[] args)
    {
        var options = new Options("", 500, "256KiB", false, false, false, null);
        for (int i = 0; i < args.Length; i++)
        {
            options = args[i] switch
            {
                "--restart-gateway" => options with { RestartGateway = true },
                "--restart-silo" => options with { RestartSilo = true },
                "--keep" => options with { Keep = true },
                "--postgres" when i + 1 < args.Length => options with { Postgres = args[++i] },
                "--size" when i + 1 < args.Length => options with { Size = args[++i] },
                "--binaries" when i + 1 < args.Length => options with { Binaries = Path.GetFullPath(args[++i]) },
                "--devices" when i + 1 < args.Length && int.TryParse(args[++i], out int n) && n is >= 20 and <= 10_000 => options with { Devices = n },
                _ => throw new RehearsalException($"'{args[i]}' is not understood; the head of this file says what is."),
            };
        }
        return options.Postgres.Length > 0 ? options : throw new RehearsalException("--postgres is missing.");
    }
}

/// <summary>The story, in the order it is told.</summary>
internal sealed class Rehearsal(Options options, CancellationToken stop)
{
    private const string Model = "amr", Version = "1.1.0";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan RestartAfter = TimeSpan.FromSeconds(20);

    private static readonly string Root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", ".."));

    private readonly string _folder = Directory.CreateTempSubdirectory("fleet-rehearsal-").FullName;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly JsonObject _figures = [];

    public async Task<int> Run()
    {
        if (options.Binaries is null) await Build();
        await using var database = await Database.Make(options.Postgres, stop);
        await using var members = new Members(_folder, Program("Fleet.Silo"), database.ConnectionString, stop);

        // Together, so that they also agree on one certificate authority.
        await Task.WhenAll(members.Start("silo-1"), members.Start("silo-2"));
        await Task.WhenAll(members.Start("gateway-1"), members.Start("gateway-2"));
        Say($"two silos and two gateways are up, database {database.Name}");

        using var api = new Api(members.Urls, members.AdminToken);
        await using var devices = await LetIn(api, members);
        string rollout = await BeginRollout(api);

        await Until("a quarter is updated", async () => await Updated(api) >= options.Devices / 4);
        await Kill(members, database, api);
        await Until("the rollout is over", async () => (string?)(await api.Get($"rollouts/{rollout}", stop))["status"] is not ("running" or "pausing"));
        _figures["rolloutEndedAfter"] = Seconds();
        await Until("all devices are connected", async () => await Connected(api) == options.Devices);
        _figures["allConnectedAfter"] = Seconds();
        return Report(await api.Get($"rollouts/{rollout}", stop), await Updated(api), devices.LastStatus);
    }

    private string Program(string assembly) => options.Binaries is { } folder
        ? Path.Combine(folder, $"{assembly}.dll")
        : Path.Combine(Root, "artifacts", "bin", assembly, "release", $"{assembly}.dll");

    private async Task Build()
    {
        foreach (string project in new[] { "silo", "device-sim" })
        {
            Say($"building {project} ...");
            await using var build = Child.Start(_folder, $"build-{project}", ["build", Path.Combine(Root, project), "-c", "Release", "--tl:off", "-v", "quiet"]);
            await build.Ended(stop);
        }
    }

    private async Task<Child> LetIn(Api api, Members members)
    {
        string claim = Path.Combine(_folder, "claim.json");
        await File.WriteAllTextAsync(claim, (await api.Post("claims", new JsonObject { ["label"] = "rehearsal" }, stop)).ToJsonString(), stop);
        // Half of them begin at each gateway; whoever loses one goes to the other.
        var devices = Child.Start(_folder, "devices",
            [Program("Fleet.DeviceSim"), "run", "--devices", $"{options.Devices}", "--claim", claim, "--ca", members.CaCertificate,
             "--server", string.Join(',', members.MqttsPorts.Select(port => $"localhost:{port}")), "--model", Model,
             "--data", Path.Combine(_folder, "devices"), "--connect-rate", "25/s", "--json"]);
        await Until("all devices are in", async () =>
        {
            devices.ThrowIfEnded();
            return await api.Count($"model:{Model} and connectivity:connected and firmware:1.0.0", stop) == options.Devices;
        });
        _figures["allInAfter"] = Seconds();
        return devices;
    }

    private async Task<string> BeginRollout(Api api)
    {
        string image = Path.Combine(_folder, "image.bin");
        await using (var maker = Child.Start(_folder, "image", [Program("Fleet.DeviceSim"), "image", "--version", Version, "--size", options.Size, "--out", image]))
            await maker.Ended(stop);
        await api.Upload($"firmware/{Model}/{Version}", image, stop);
        await api.Post($"firmware/{Model}/{Version}/publish", null, stop);
        var rollout = await api.Post("rollouts", new JsonObject
        {
            ["name"] = "rehearsal",
            ["target"] = new JsonObject { ["query"] = $"model:{Model}" },
            ["firmware"] = new JsonObject { ["model"] = Model, ["version"] = Version },
            ["plan"] = new JsonObject
            {
                ["phases"] = new JsonArray(new JsonObject { ["percent"] = 5 }, new JsonObject { ["percent"] = 100 }),
                ["rate"] = new JsonObject { ["basePerMinute"] = 1200, ["maximumPerMinute"] = 1200 },
                ["concurrency"] = new JsonObject { ["total"] = 100 },
                ["gates"] = new JsonArray(new JsonObject { ["failure"] = "any", ["thresholdPercent"] = 20, ["minimumExecuted"] = 3, ["action"] = "pause" }),
                ["deadlines"] = new JsonObject { ["queued"] = "PT10M", ["downloading"] = "PT5M", ["installing"] = "PT3M", ["confirming"] = "PT3M" },
                ["proof"] = new JsonObject { ["kind"] = "boot", ["healthyFor"] = "PT1S" },
            },
        }, stop);
        _figures["rolloutBeganAfter"] = Seconds();
        return (string)rollout["id"]!;
    }

    private async Task Kill(Members members, Database database, Api api)
    {
        _figures["updatedAtTheKill"] = await Updated(api);
        long killed = _clock.ElapsedMilliseconds;
        members.Kill("silo-1");
        members.Kill("gateway-1");
        Say("killed silo-1 and gateway-1");
        await Until("the dead silo is noticed", async () => await database.DeadSilos(stop) > 0);
        _figures["deadSiloNoticedAfterKill"] = Since(killed);
        await Until("the dead gateway's devices are back", async () => await Connected(api) == options.Devices);
        _figures["devicesBackAfterKill"] = Since(killed);
        if (!options.RestartGateway && !options.RestartSilo) return;
        var left = RestartAfter - TimeSpan.FromMilliseconds(_clock.ElapsedMilliseconds - killed);
        if (left > TimeSpan.Zero) await Task.Delay(left, TimeProvider.System, stop);
        if (options.RestartSilo) await members.Start("silo-1");
        if (options.RestartGateway) await members.Start("gateway-1");
        Say("started again what was to be");
    }

    private int Report(JsonNode rollout, long updated, JsonNode? devices)
    {
        long succeeded = (long?)rollout["counts"]!["outcomes"]!["succeeded"] ?? 0;
        long installs = (long?)devices?["installs"]?[Version] ?? 0;
        bool holds = (string?)rollout["status"] == "completed" && succeeded == options.Devices && updated == options.Devices && installs == options.Devices;
        _figures["devices"] = options.Devices;
        _figures["status"] = (string?)rollout["status"];
        _figures["outcomes"] = rollout["counts"]!["outcomes"]!.DeepClone();
        _figures["onNewVersion"] = updated;
        _figures["installs"] = installs;
        _figures["connects"] = devices?["connects"]?.DeepClone();
        _figures["seconds"] = Seconds();
        _figures["holds"] = holds;
        Console.WriteLine(_figures.ToJsonString());
        if (options.Keep || !holds) Say($"logs are in {_folder}");
        else Directory.Delete(_folder, recursive: true);
        return holds ? 0 : 1;
    }

    private Task<long> Updated(Api api) => api.Count($"model:{Model} and firmware:{Version}", stop);

    private Task<long> Connected(Api api) => api.Count($"model:{Model} and connectivity:connected", stop);

    private async Task Until(string what, Func<Task<bool>> reached)
    {
        long began = _clock.ElapsedMilliseconds;
        while (!await reached())
        {
            if (_clock.ElapsedMilliseconds - began > Patience.TotalMilliseconds) throw new RehearsalException($"{what}: not within {Patience}; logs are in {_folder}");
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, stop);
        }
        Say(what);
    }

    private double Seconds() => Since(0);

    private double Since(long milliseconds) => Math.Round((_clock.ElapsedMilliseconds - milliseconds) / 1000.0, 1);

    private void Say(string text) => Console.Error.WriteLine($"{Seconds(),7:0.0} s  {text}");

    private static string ThisFile([CallerFilePath] string path = "") => path;
}

/// <summary>A database of its own on the given server.</summary>
internal sealed class Database(string server, string name) : IAsyncDisposable
{
    public string Name => name;

    public string ConnectionString => new NpgsqlConnectionStringBuilder(server) { Database = name }.ConnectionString;

    public static async Task<Database> Make(string server, CancellationToken stop)
    {
        string name = $"fleet_rehearsal_{Guid.NewGuid():n}"[..24];
        await Execute(server, $"CREATE DATABASE {name}", stop);
        return new(server, name);
    }

    /// <summary>6 is Orleans' number for dead.</summary>
    public async Task<long> DeadSilos(CancellationToken stop)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync(stop);
        await using var command = new NpgsqlCommand("SELECT count(*) FROM OrleansMembershipTable WHERE Status = 6", connection);
        return (long)(await command.ExecuteScalarAsync(stop))!;
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await Execute(server, $"DROP DATABASE {name} WITH (FORCE)", CancellationToken.None);
    }

    private static async Task Execute(string server, string sql, CancellationToken stop)
    {
        await using var connection = new NpgsqlConnection(server);
        await connection.OpenAsync(stop);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(stop);
    }
}

/// <summary>The processes of the cluster, by name. A gateway keeps its ports when it comes back.</summary>
internal sealed class Members(string folder, string program, string database, CancellationToken stop) : IAsyncDisposable
{
    private readonly Dictionary<string, (Child Process, JsonNode Listening)> _running = [];

    public string CaCertificate => (string)_running["silo-1"].Listening["caCertificate"]!;

    public string AdminToken => File.ReadAllText((string)_running["silo-1"].Listening["adminToken"]!).Trim();

    public IReadOnlyList<string> Urls => [.. _running.Where(m => m.Key.StartsWith("silo", StringComparison.Ordinal)).Select(m => (string)m.Value.Listening["http"]!)];

    public IReadOnlyList<int> MqttsPorts => [.. _running.Where(m => m.Key.StartsWith("gateway", StringComparison.Ordinal)).OrderBy(m => m.Key).Select(m => (int)m.Value.Listening["mqtts"]!)];

    public async Task Start(string name)
    {
        var before = _running.GetValueOrDefault(name).Listening;
        bool silo = name.StartsWith("silo", StringComparison.Ordinal);
        List<string> settings =
        [
            $"Fleet:Role={(silo ? "silo" : "gateway")}", $"Fleet:SharedDirectory={Path.Combine(folder, "shared")}", "Fleet:Storage:Provider=postgres",
            $"Fleet:Storage:ConnectionString={database}",
            $"Fleet:Http:Port={new Uri((string?)before?["http"] ?? "http://localhost:0").Port}", $"Fleet:Metrics:Port={(int?)before?["metrics"] ?? 0}",
        ];
        if (silo) settings.AddRange([$"Fleet:DataDirectory={Path.Combine(folder, name)}", "Fleet:Cluster:SiloPort=0", "Fleet:Cluster:GatewayPort=0"]);
        else settings.Add($"Fleet:Gateway:MqttsPort={(int?)before?["mqtts"] ?? 0}");
        var process = Child.Start(folder, before is null ? name : $"{name}-again", [program, .. settings.Select(s => $"--{s}")]);
        var listening = await process.FirstLine(line => line.StartsWith('{') && (string?)JsonNode.Parse(line)!["event"] == "listening", stop);
        lock (_running) _running[name] = (process, JsonNode.Parse(listening)!);
    }

    public void Kill(string name) => _running[name].Process.Kill();

    public async ValueTask DisposeAsync()
    {
        foreach (var (process, _) in _running.Values) await process.DisposeAsync();
    }
}

/// <summary>The admin API, as any client would use it: of whichever silo answers.</summary>
internal sealed class Api(IReadOnlyList<string> urls, string token) : IDisposable
{
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(45), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
    private int _silo;

    public Task<JsonNode> Get(string path, CancellationToken stop) => Send(() => new(HttpMethod.Get, path), retries: true, stop);

    public Task<JsonNode> Post(string path, JsonNode? body, CancellationToken stop) =>
        Send(() => new(HttpMethod.Post, path) { Content = body is null ? null : JsonContent.Create(body) }, retries: false, stop);

    public Task<JsonNode> Upload(string path, string file, CancellationToken stop) =>
        Send(() => new(HttpMethod.Put, path) { Content = new StreamContent(File.OpenRead(file)) }, retries: false, stop);

    public async Task<long> Count(string query, CancellationToken stop) =>
        (long)(await Get($"devices?limit=1&count=true&query={Uri.EscapeDataString(query)}", stop))["count"]!;

    public void Dispose() => _http.Dispose();

    /// <summary>What only reads goes to the other silo when one fails, until one answers.</summary>
    private async Task<JsonNode> Send(Func<HttpRequestMessage> request, bool retries, CancellationToken stop)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                using var message = request();
                message.RequestUri = new Uri($"{urls[_silo % urls.Count]}/api/v1/{message.RequestUri}");
                using var response = await _http.SendAsync(message, stop);
                string text = await response.Content.ReadAsStringAsync(stop);
                if (response.IsSuccessStatusCode) return text.Length == 0 ? new JsonObject() : JsonNode.Parse(text)!;
                if (!retries || attempt > 120) throw new RehearsalException($"{message.Method} {message.RequestUri} answered {(int)response.StatusCode}: {text}");
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException && retries && attempt <= 120 && !stop.IsCancellationRequested)
            {
            }
            _silo++;
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, stop);
        }
    }
}

/// <summary>A process of ours: its output goes to a file, and it ends with the rehearsal.</summary>
internal sealed class Child : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _name;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private volatile string? _last;

    private Child(Process process, string name, string logFile)
    {
        (_process, _name, LogFile) = (process, name, logFile);
        var log = TextWriter.Synchronized(new StreamWriter(logFile) { AutoFlush = true });
        process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is null)
            {
                _lines.Writer.TryComplete();
                return;
            }
            log.WriteLine(e.Data);
            if (e.Data.StartsWith('{')) _last = e.Data;
            _lines.Writer.TryWrite(e.Data);
        };
        process.ErrorDataReceived += (_, e) => { if (e.Data is not null) log.WriteLine(e.Data); };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string LogFile { get; }

    /// <summary>The last line of JSON on its standard output.</summary>
    public JsonNode? LastStatus => _last is { } line ? JsonNode.Parse(line) : null;

    public static Child Start(string folder, string name, IEnumerable<string> arguments)
    {
        var process = Process.Start(new ProcessStartInfo("dotnet", arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder,
        }) ?? throw new RehearsalException("dotnet could not be started");
        return new Child(process, name, Path.Combine(folder, $"{name}.log"));
    }

    public async Task<string> FirstLine(Func<string, bool> wanted, CancellationToken stop)
    {
        await foreach (string line in _lines.Reader.ReadAllAsync(stop))
            if (wanted(line)) return line;
        throw new RehearsalException($"{_name} ended before it listened; see {LogFile}");
    }

    /// <summary>SIGKILL: it cannot say goodbye.</summary>
    public void Kill() => _process.Kill();

    public void ThrowIfEnded()
    {
        if (_process.HasExited) throw new RehearsalException($"{_name} ended with code {_process.ExitCode}; see {LogFile}");
    }

    public async Task Ended(CancellationToken stop)
    {
        await _process.WaitForExitAsync(stop);
        if (_process.ExitCode != 0) throw new RehearsalException($"{_name} failed with code {_process.ExitCode}; see {LogFile}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
    }
}
