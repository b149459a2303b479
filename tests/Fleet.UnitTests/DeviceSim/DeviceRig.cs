using Fleet.DeviceSim.Agent;
using Fleet.DeviceSim.Agent.Boot;
using Fleet.DeviceSim.Agent.Identity;
using Fleet.DeviceSim.Faults;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.UnitTests.DeviceSim;

/// <summary>One real agent, on a real folder, against the cloud in memory.</summary>
internal sealed class DeviceRig : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fleet-device-").FullName;
    private readonly List<FaultSpec> _faults = [];
    private CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public FakeCloud Cloud { get; } = new();

    public static AgentOptions Quick { get; } = new()
    {
        ThingName = "amr-1",
        Model = "amr",
        Attributes = ImmutableSortedDictionary<string, string>.Empty.Add("Site", "tokyo"),
        BlockBytes = 4096,
        BlockTimeout = TimeSpan.FromSeconds(5),
        BackoffFirst = TimeSpan.FromMilliseconds(5),
        BackoffCap = TimeSpan.FromMilliseconds(20),
        BootTime = TimeSpan.Zero,
    };

    public AgentOptions Options { get; init; } = Quick;

    public string[] Faults
    {
        init
        {
            foreach (var text in value) _faults.Add(FaultSpec.TryParse(text, out var spec) ? spec : throw new ArgumentException(text));
        }
    }

    public HttpClient Http { get; init; } = new();
    public DeviceAgent Agent { get; private set; } = null!;
    public string Folder => Path.Combine(_folder, "amr-1");
    public DeviceState State => new DeviceDisk(Folder).Load("0.0.0");

    /// <summary>The power button.</summary>
    /// <param name="beforeChange">What it throws is a power cut before that change of the disk.</param>
    public void PowerOn(Action<string>? beforeChange = null)
    {
        var ca = new TrustedCa(Pki.Ours.Anchors, TimeProvider.System);
        var services = new AgentServices
        {
            Ca = ca, ClaimTls = _ => new TlsOptions(), Http = Http, Log = NullLogger.Instance,
            Ramp = new ConnectRamp(100_000, TimeProvider.System), OpenStream = Cloud.OpenStream,
        };
        Agent = new DeviceAgent(Options, services, DeviceFaults.Draw(_faults, 1, "amr-1"), Folder, beforeChange);
        _running = Agent.RunAsync(_stop.Token);
    }

    /// <summary>Waits for the agent to end by itself, as it does when its disk throws.</summary>
    public Task Ended => _running;

    /// <summary>The process ends; what is on the disk stays.</summary>
    public async Task PowerOff()
    {
        await _stop.CancelAsync();
        await _running.WaitAsync(TimeSpan.FromSeconds(20));
        _stop.Dispose();
        _stop = new CancellationTokenSource();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ContinueWith(_ => { }, TaskScheduler.Default).WaitAsync(TimeSpan.FromSeconds(20));
        _stop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
