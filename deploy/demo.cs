#:property PublishAot=false
#:package Spectre.Console

// The whole of Fleet in one go: builds and starts the service and a simulated fleet on free ports in a temporary folder, lets the devices
// in, rolls a good version out in phases and a bad one into its gate.
//
//   dotnet run deploy/demo.cs [-- --devices 200] [--size 256KiB] [--exit] [--json]
//
// --exit  ends after the report instead of running until Ctrl-C
// --json  prints one line at the end: {"devices":200,"enrolled":200,"succeeded":200,"badStopped":true,"badInstalled":N,"seconds":S}
// The exit code is 0 only if every device was let in, every device runs the good version, and the bad one was stopped by its gate.

using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

var options = DemoOptions.Parse(args);
var stop = new CancellationTokenSource();   // never disposed: the handlers below may still want it while the process ends
Console.CancelKeyPress += (_, e) => { e.Cancel = true; stop.Cancel(); };
try
{
    return await new Demo(options, stop.Token).Run();
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 130;
}
catch (DemoException e)
{
    await Console.Error.WriteLineAsync($"demo: {e.Message}");
    return 1;
}

internal sealed record DemoOptions(int Devices, string Size, bool Exit, bool Json)
{
    public static DemoOptions Parse(string[] args)
    {
        var options = new DemoOptions(200, "256KiB", false, false);
        for (int i = 0; i < args.Length; i++)
        {
            options = args[i] switch
            {
                "--exit" => options with { Exit = true },
                "--json" => options with { Json = true },
                "--size" when i + 1 < args.Length => options with { Size = args[++i] },
                "--devices" when i + 1 < args.Length && int.TryParse(args[++i], out int n) && n is >= 20 and <= 10_000 => options with { Devices = n },
                _ => throw new DemoException($"'{args[i]}' is not understood. Usage: demo.cs [--devices 20..10000] [--size 256KiB] [--exit] [--json]"),
            };
        }
        return options;
    }
}

internal sealed class DemoException(string message) : Exception(message);

/// <summary>The story, in the order it is told.</summary>
internal sealed class Demo(DemoOptions options, CancellationToken stop)
{
    private const string Model = "amr";
    private readonly IAnsiConsole _screen = options.Json
        ? AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) })
        : AnsiConsole.Console;

    public async Task<int> Run()
    {
        var clock = Stopwatch.StartNew();
        string folder = Directory.CreateTempSubdirectory("fleet-demo-").FullName;
        await Build();
        await using var silo = await Service.Start(folder, stop);
        using var fleet = new FleetApi(silo.Http, silo.AdminToken);
        Say($"Fleet is up in {silo.StartSeconds:0.0} s: HTTP {silo.Http}, MQTT over TLS on port {silo.MqttsPort}, metrics http://127.0.0.1:{silo.MetricsPort}/metrics");

        string claim = Path.Combine(folder, "claim.json");
        await File.WriteAllTextAsync(claim, (await fleet.Post("claims", new JsonObject { ["label"] = "demo batch" }, stop)).ToJsonString(), stop);
        await using var devices = Child.Start(folder, "devices",
            [Paths.Output("device-sim", "Fleet.DeviceSim"), "run", "--devices", $"{options.Devices}", "--claim", claim, "--ca", silo.CaCertificate,
             "--port", $"{silo.MqttsPort}", "--model", Model, "--data", Path.Combine(folder, "devices"), "--json"]);
        long enrolled = await Enrol(fleet, devices);

        var good = await Roll(fleet, folder, devices, "1.1.0", bad: false, percents: [5, 25, 100]);
        long onGood = await fleet.CountDevices($"model:{Model} and firmware:1.1.0", stop);
        var bad = await Roll(fleet, folder, devices, "1.2.0", bad: true, percents: [5, 25, 100]);
        bool badStopped = (string?)bad["status"] == "paused" && (string?)bad["stopReason"] == "gate";
        long badInstalled = Outcomes(bad).Sum();
        long untouched = options.Devices - badInstalled;

        Say(badStopped
            ? $"The bad version was stopped by its gate: {bad["stopDetail"]} {badInstalled} devices had tried it, {untouched} never saw it."
            : $"The bad version was NOT stopped: it is {bad["status"]}.");
        Say($"The service used {silo.Cpu.TotalSeconds:0.0} s of CPU and at most {silo.PeakMemoryBytes / 1_048_576} MiB; the devices {devices.Cpu.TotalSeconds:0.0} s and {devices.PeakMemoryBytes / 1_048_576} MiB.");
        bool holds = enrolled == options.Devices && Outcome(good, "succeeded") == options.Devices && onGood == options.Devices
            && badStopped && untouched > 0;
        if (options.Json)
        {
            Console.WriteLine(new JsonObject
            {
                ["devices"] = options.Devices, ["enrolled"] = enrolled, ["succeeded"] = Outcome(good, "succeeded"),
                ["badStopped"] = badStopped, ["badInstalled"] = badInstalled, ["seconds"] = Math.Round(clock.Elapsed.TotalSeconds, 1),
            }.ToJsonString());
        }
        await Stay(silo, folder);
        return holds ? 0 : 1;
    }

    private async Task Build()
    {
        Say("Building the service and the simulator ...");
        foreach (string project in new[] { "silo", "device-sim" })
        {
            using var build = Process.Start(new ProcessStartInfo("dotnet", ["build", Path.Combine(Paths.Root, project), "-c", "Release", "-v", "quiet", "-nologo", "--tl:off"])
            {
                RedirectStandardOutput = true, WorkingDirectory = Paths.Root,
            }) ?? throw new DemoException("dotnet could not be started");
            string output = await build.StandardOutput.ReadToEndAsync(stop);
            await build.WaitForExitAsync(stop);
            if (build.ExitCode != 0) throw new DemoException($"building {project} failed:\n{output}");
        }
    }

    private async Task<long> Enrol(FleetApi fleet, Child devices)
    {
        long connected = 0;
        await Progress("Letting devices in", options.Devices, async show =>
        {
            while (connected < options.Devices)
            {
                devices.ThrowIfEnded();
                connected = await fleet.CountDevices($"model:{Model} and connectivity:connected and firmware:1.0.0", stop);
                show(connected);
                await Tick();
            }
        });
        return connected;
    }

    private async Task<JsonNode> Roll(FleetApi fleet, string folder, Child devices, string version, bool bad, double[] percents)
    {
        string image = Path.Combine(folder, $"{version}.bin");
        List<string> make = [Paths.Output("device-sim", "Fleet.DeviceSim"), "image", "--version", version, "--size", options.Size, "--out", image];
        if (bad) make.Add("--bad");
        await using (var maker = Child.Start(folder, $"image-{version}", make)) await maker.Ended(stop);
        await fleet.Upload($"firmware/{Model}/{version}", image, stop);
        await fleet.Post($"firmware/{Model}/{version}/publish", null, stop);
        var rollout = await fleet.Post("rollouts", new JsonObject
        {
            ["name"] = $"{version} to all",
            ["target"] = new JsonObject { ["query"] = $"model:{Model}" },
            ["firmware"] = new JsonObject { ["model"] = Model, ["version"] = version },
            ["plan"] = new JsonObject
            {
                ["phases"] = new JsonArray([.. percents.Select(p => (JsonNode)new JsonObject { ["percent"] = p })]),
                ["rate"] = new JsonObject { ["basePerMinute"] = 6000, ["maximumPerMinute"] = 6000 },
                ["concurrency"] = new JsonObject { ["total"] = 100 },
                ["gates"] = new JsonArray(new JsonObject
                {
                    ["failure"] = "any", ["thresholdPercent"] = 20, ["minimumExecuted"] = 3, ["action"] = "pause",
                }),
                ["deadlines"] = new JsonObject { ["queued"] = "PT10M", ["downloading"] = "PT5M", ["installing"] = "PT2M", ["confirming"] = "PT2M" },
                ["proof"] = new JsonObject { ["kind"] = "boot", ["healthyFor"] = "PT1S" },
            },
        }, stop);
        string id = (string)rollout["id"]!;
        await Progress($"Rolling out {version}{(bad ? " (a bad one)" : "")}", options.Devices, async show =>
        {
            do
            {
                devices.ThrowIfEnded();
                await Tick();
                rollout = await fleet.Get($"rollouts/{id}", stop);
                show(Outcomes(rollout).Sum());
            }
            while ((string?)rollout["status"] is "running" or "pausing");
        });
        var outcomes = (JsonObject)rollout["counts"]!["outcomes"]!;
        Say($"{version}: {rollout["status"]} in phase {(int)rollout["phase"]! + 1} of {percents.Length}; " +
            string.Join(", ", outcomes.Select(o => $"{o.Value} {o.Key}")));
        return rollout;
    }

    private async Task Stay(Service silo, string folder)
    {
        if (options.Exit)
        {
            return;
        }
        Say($"""
            Look around (Ctrl-C ends it):
              {silo.Http}/openapi/v1.json        the admin API
              http://127.0.0.1:{silo.MetricsPort}/metrics             what Prometheus sees
              curl -H "Authorization: Bearer $(cat {silo.AdminTokenFile})" {silo.Http}/api/v1/rollouts
              everything is in {folder}
            """);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop).ContinueWith(_ => { }, TaskScheduler.Default);
    }

    private async Task Progress(string title, long total, Func<Action<long>, Task> work)
    {
        if (options.Json || !_screen.Profile.Capabilities.Interactive)
        {
            long last = -1;
            await work(n =>
            {
                if (n * 10 / total == last * 10 / total && last >= 0) return;
                last = n;
                Say($"{title}: {n} of {total}");
            });
            return;
        }
        await _screen.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(async context =>
            {
                var task = context.AddTask(Markup.Escape(title), maxValue: total);
                await work(n => task.Value = n);
            });
    }

    private void Say(string text) => _screen.WriteLine(text);

    private Task Tick() => Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System, stop);

    private static IEnumerable<long> Outcomes(JsonNode rollout) => ((JsonObject)rollout["counts"]!["outcomes"]!).Select(o => (long)o.Value!);

    private static long Outcome(JsonNode rollout, string name) => (long?)rollout["counts"]!["outcomes"]![name] ?? 0;
}

/// <summary>The admin API, as any client would use it.</summary>
internal sealed class FleetApi : IDisposable
{
    private readonly HttpClient _http;

    public FleetApi(string baseAddress, string token)
    {
        _http = new HttpClient { BaseAddress = new Uri($"{baseAddress}/api/v1/"), Timeout = TimeSpan.FromSeconds(60) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    public void Dispose() => _http.Dispose();

    public async Task<JsonNode> Get(string path, CancellationToken stop) => await Read(await _http.GetAsync(path, stop), stop);

    public async Task<JsonNode> Post(string path, JsonNode? body, CancellationToken stop) =>
        await Read(await _http.PostAsync(path, body is null ? null : JsonContent.Create(body), stop), stop);

    public async Task Upload(string path, string file, CancellationToken stop)
    {
        await using var content = File.OpenRead(file);
        await Read(await _http.PutAsync(path, new StreamContent(content), stop), stop);
    }

    public async Task<long> CountDevices(string query, CancellationToken stop) =>
        (long)(await Get($"devices?limit=1&count=true&query={Uri.EscapeDataString(query)}", stop))["count"]!;

    private static async Task<JsonNode> Read(HttpResponseMessage response, CancellationToken stop)
    {
        string text = await response.Content.ReadAsStringAsync(stop);
        if (!response.IsSuccessStatusCode)
        {
            throw new DemoException($"{response.RequestMessage?.Method} {response.RequestMessage?.RequestUri} answered {(int)response.StatusCode}: {text}");
        }
        return text.Length == 0 ? new JsonObject() : JsonNode.Parse(text)!;
    }
}

/// <summary>The service's process: silo and gateway on free ports.</summary>
internal sealed class Service(Child process, JsonNode listening, double startSeconds) : IAsyncDisposable
{
    public string Http => (string)listening["http"]!;
    public int MqttsPort => (int)listening["mqtts"]!;
    public int MetricsPort => (int)listening["metrics"]!;
    public string CaCertificate => (string)listening["caCertificate"]!;
    public string AdminTokenFile => (string)listening["adminToken"]!;
    public string AdminToken => File.ReadAllText(AdminTokenFile).Trim();
    public double StartSeconds => startSeconds;
    public TimeSpan Cpu => process.Cpu;
    public long PeakMemoryBytes => process.PeakMemoryBytes;

    public static async Task<Service> Start(string folder, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        var process = Child.Start(folder, "service",
            [Paths.Output("silo", "Fleet.Silo"), "--Fleet:Http:Port=0", "--Fleet:Metrics:Port=0", "--Fleet:Gateway:MqttsPort=0",
             $"--Fleet:DataDirectory={Path.Combine(folder, "data")}"]);
        await foreach (string line in process.Lines(stop))
        {
            if (line.StartsWith('{') && JsonNode.Parse(line) is { } json && (string?)json["event"] == "listening")
            {
                return new Service(process, json, clock.Elapsed.TotalSeconds);
            }
        }
        throw new DemoException($"the service ended before it listened; see {process.LogFile}");
    }

    public ValueTask DisposeAsync() => process.DisposeAsync();
}

/// <summary>A process of ours: its output goes to a file beside the data, and it ends with the demo.</summary>
internal sealed class Child : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _name;
    private readonly System.Threading.Channels.Channel<string> _lines = System.Threading.Channels.Channel.CreateUnbounded<string>();

    private Child(Process process, string name, string logFile)
    {
        (_process, _name, LogFile) = (process, name, logFile);
        var log = TextWriter.Synchronized(new StreamWriter(logFile) { AutoFlush = true });
        process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is null) _lines.Writer.TryComplete();
            else { log.WriteLine(e.Data); _lines.Writer.TryWrite(e.Data); }
        };
        process.ErrorDataReceived += (_, e) => { if (e.Data is not null) log.WriteLine(e.Data); };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string LogFile { get; }

    public TimeSpan Cpu => Refreshed().TotalProcessorTime;

    public long PeakMemoryBytes => Refreshed().PeakWorkingSet64;

    public static Child Start(string folder, string name, IEnumerable<string> arguments)
    {
        var process = Process.Start(new ProcessStartInfo("dotnet", arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder,
        }) ?? throw new DemoException("dotnet could not be started");
        return new Child(process, name, Path.Combine(folder, $"{name}.log"));
    }

    public IAsyncEnumerable<string> Lines(CancellationToken stop) => _lines.Reader.ReadAllAsync(stop);

    public void ThrowIfEnded()
    {
        if (_process.HasExited) throw new DemoException($"{_name} ended with code {_process.ExitCode}; see {LogFile}");
    }

    public async Task Ended(CancellationToken stop)
    {
        await _process.WaitForExitAsync(stop);
        if (_process.ExitCode != 0) throw new DemoException($"{_name} failed with code {_process.ExitCode}; see {LogFile}");
    }

    private Process Refreshed()
    {
        _process.Refresh();
        return _process;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
    }
}

internal static class Paths
{
    public static string Root { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, ".."));

    public static string Output(string project, string assembly) =>
        Path.Combine(Root, "artifacts", "bin", assembly, "release", $"{assembly}.dll");

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
