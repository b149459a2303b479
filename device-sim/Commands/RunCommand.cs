using System.CommandLine;
using System.Net.Security;
using System.Net.Sockets;
using Fleet.DeviceSim.Agent;
using Fleet.DeviceSim.Agent.Identity;
using Fleet.DeviceSim.Agent.Wire;
using Fleet.DeviceSim.Commands.Reports;
using Fleet.DeviceSim.Simulation;
using Microsoft.Extensions.Logging;

namespace Fleet.DeviceSim.Commands;

/// <summary><c>run</c>: runs many devices against a service.</summary>
internal static class RunCommand
{
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(1);

    public static Command New()
    {
        var settings = new RunSettings();
        var command = new Command("run", "Runs many devices against a service until Ctrl-C, --until or --duration.");
        foreach (var option in settings.All) command.Options.Add(option);
        command.SetAction(async (arguments, stop) =>
        {
            try
            {
                return await RunAsync(settings.Read(arguments), TimeProvider.System, stop);
            }
            catch (UsageException e)
            {
                await Console.Error.WriteLineAsync(e.Message);
                return ExitCode.Usage;
            }
        });
        return command;
    }

    private static async Task<int> RunAsync(RunPlan plan, TimeProvider time, CancellationToken stop)
    {
        var ca = ReadCa(plan.CaPath, time);
        var claims = new ClaimFiles(plan.ClaimPath, ca);
        await CheckServersAsync(plan.Fleet.Agent.Servers, time, stop);
        using var loggers = LoggerFactory.Create(logging => Configure(logging, plan.Verbose));
        using var http = NewHttpClient(ca);
        var services = new AgentServices
        {
            Ca = ca, ClaimTls = claims.TlsFor, Http = http, Time = time,
            Log = loggers.CreateLogger("Fleet.DeviceSim"), Ramp = new ConnectRamp(plan.ConnectsPerSecond, time),
        };
        var fleet = new SimulatedFleet(plan.Fleet, services);
        using var report = NewReport(plan);
        return await RunAsync(fleet, plan, report, time, stop);
    }

    private static async Task<int> RunAsync(SimulatedFleet fleet, RunPlan plan, IReport report, TimeProvider time, CancellationToken stop)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var deadline = plan.Duration is { } duration
            ? time.CreateTimer(state => ((CancellationTokenSource)state!).Cancel(), end, duration, Timeout.InfiniteTimeSpan) : null;
        var devices = fleet.RunAsync(end.Token);
        bool? reached = plan.Until is null ? null : false;
        while (!end.IsCancellationRequested && !devices.IsCompleted)
        {
            var status = fleet.Status();
            report.Show(status);
            if (plan.Until?.IsReached(status) == true)
            {
                reached = true;
                break;
            }
            await Task.Delay(Glance, time, end.Token)
                .ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
        var summary = fleet.Status() with { Type = "summary", Reached = reached };
        await end.CancelAsync();
        await devices;
        report.Finish(summary);
        return reached == false || fleet.Status().In(ConnectionState.Faulted) > 0 ? ExitCode.NotReached : ExitCode.Done;
    }

    private static TrustedCa ReadCa(string path, TimeProvider time)
    {
        try
        {
            return TrustedCa.FromFile(path, time);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new UsageException($"--ca: {e.Message}");
        }
    }

    /// <summary>
    /// A wrong host or port is said at once, not as the trouble of a thousand devices. One server that answers is enough.
    /// </summary>
    private static async Task CheckServersAsync(ImmutableArray<Server> servers, TimeProvider time, CancellationToken stop)
    {
        string reason = "";
        foreach (var server in servers)
        {
            using var socket = new TcpClient();
            try
            {
                await socket.ConnectAsync(server.Host, server.Port, stop).AsTask().WaitAsync(TimeSpan.FromSeconds(5), time, stop);
                return;
            }
            catch (Exception e) when (e is SocketException or TimeoutException)
            {
                reason = e.Message;
            }
        }
        throw new UsageException(
            $"Nothing answers on {string.Join(" or ", servers)} ({reason}). Is the service running? See --host and --port, or --server.");
    }

    private static HttpClient NewHttpClient(TrustedCa ca) => new(new SocketsHttpHandler
    {
        SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = ca.Policy() },
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        AllowAutoRedirect = false,
        UseProxy = false,    // as its MQTT connection
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,    // the fetch watches for silence; a large image may take its time
    };

    private static void Configure(ILoggingBuilder logging, bool verbose)
    {
        logging.SetMinimumLevel(verbose ? LogLevel.Information : LogLevel.Error);
        logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static IReport NewReport(RunPlan plan) => plan switch
    {
        { Json: true } => new JsonReport(Console.Out),
        _ when Console.IsOutputRedirected || plan.Verbose => new PlainReport(Console.Out, plan.Fleet.DataFolder),
        _ => new LiveReport(plan.Fleet),
    };
}
