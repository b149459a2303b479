using System.Collections.Concurrent;
using Fleet.Grains;
using Fleet.Grains.Firmware;
using Fleet.Grains.Rollouts;
using Fleet.Interfaces;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;
using Fleet.Testing.Grains;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Orleans;

namespace Fleet.UnitTests.Rollouts;

/// <summary>The real grains, with published firmware 2.0.0, devices that the test moves, and a store that outlives a kill.</summary>
internal sealed class RolloutsUnderTest : IAsyncDisposable
{
    private readonly GrainHost _host;
    private readonly GatewayProbe _probe;
    private readonly ThreadPoolTurns _turns;

    private RolloutsUnderTest(GrainHost host, MemoryStore store, GatewayProbe probe, ThreadPoolTurns turns, string gateway) =>
        (_host, Store, _probe, _turns, Gateway) = (host, store, probe, turns, gateway);

    /// <summary>New at each start of a process.</summary>
    public string Gateway { get; }

    public MemoryStore Store { get; }
    public IGrainFactory Grains => _host.Grains;
    public FakeTimeProvider Time => (FakeTimeProvider)_host.Service<TimeProvider>();
    public IReadOnlyCollection<JobNotification> Notifications => _probe.Notifications;
    public List<RelayedDevice> Devices { get; } = [];
    public IRolloutGrain Rollout => Grains.GetGrain<IRolloutGrain>(Given.Rollout.Value);

    public static async Task<RolloutsUnderTest> Start(int devices)
    {
        var fleet = await Start(new MemoryStore(), new FakeTimeProvider());
        var firmware = fleet.Grains.GetGrain<IFirmwareGrain>($"{Given.Amr}/{Given.V2}");
        await firmware.Upload(new FirmwareUpload(new string('a', 64), 1000, null));
        await firmware.Publish();
        for (int i = 0; i < devices; i++)
        {
            var device = new RelayedDevice(fleet, Given.Thing(i));
            fleet.Devices.Add(device);
            await device.Grain.Register(new(Given.Amr, ImmutableSortedDictionary<string, string>.Empty, DeviceRegistration.ByOperator));
            await device.Connect();
        }
        return fleet;
    }

    /// <summary>The process is killed: a new one starts from what was stored.</summary>
    public async Task<RolloutsUnderTest> Kill()
    {
        _host.Kill();
        var next = await Start(Store.Copy(), new FakeTimeProvider(Time.GetUtcNow()));
        await _host.DisposeAsync();
        next.Devices.AddRange(Devices.Select(d => d.In(next)));
        return next;
    }

    /// <summary>Lets time pass, a tenth of a second at a time, until it is so.</summary>
    public async Task<RolloutView> Until(Func<RolloutView, bool> isSo, Func<RelayedDevice, Task>? act = null)
    {
        for (int i = 0; i < 10_000; i++)
        {
            var view = (await Rollout.Get())!;
            if (isSo(view)) return view;
            if (act is not null) await Task.WhenAll(Devices.Select(act));
            await _turns.UntilQuiet();
            Time.Advance(TimeSpan.FromMilliseconds(100));
        }
        throw new TimeoutException($"It never came: {await Rollout.Get()}");
    }

    /// <summary>Waits for an answer while time passes: turns are shared by what comes within a tenth of a second.</summary>
    public async Task<T> Await<T>(Task<T> answer)
    {
        await Finish(answer);
        return await answer;
    }

    private async Task Finish(Task work)
    {
        for (int i = 0; !work.IsCompleted; i++)
        {
            if (i > 20_000) throw new TimeoutException("It never ended.");
            await _turns.UntilQuiet();
            Time.Advance(TimeSpan.FromMilliseconds(10));
        }
        await work;
    }

    public async ValueTask DisposeAsync()
    {
        await Finish(_host.Stop());
        await _host.DisposeAsync();
    }

    private static async Task<RolloutsUnderTest> Start(MemoryStore store, FakeTimeProvider time)
    {
        var turns = new ThreadPoolTurns();
        var host = await GrainHost.Start(new()
        {
            GrainAssemblies = [typeof(GrainStateJson).Assembly],
            Turns = turns,
            Time = time,
            Storage = store,
            Services = services => services.AddFleetRollouts().AddSingleton<IFirmwareSigner, NoSigner>(),
            // The test's clock outruns a busy machine: no call here is late by it.
            ResponseTimeout = TimeSpan.FromDays(30),
        });
        var probe = new GatewayProbe();
        string gateway = Guid.NewGuid().ToString("N");
        await host.Grains.GetGrain<IGatewayGrain>(gateway).Join(host.Grains.CreateObjectReference<IGatewayObserver>(probe), null);
        return new(host, store, probe, turns, gateway);
    }

    private sealed class NoSigner : IFirmwareSigner
    {
        public string CertificatePem => "";
        public byte[] SignHash(ReadOnlySpan<byte> sha256) => [1, 2, 3];
    }

    private sealed class GatewayProbe : IGatewayObserver
    {
        public ConcurrentQueue<JobNotification> Notifications { get; } = new();
        public Task NotifyJobs(JobNotification notification)
        {
            Notifications.Enqueue(notification);
            return Task.CompletedTask;
        }
        public void ViewChanged(GatewayView view) { }
        public Task EndSessionsOf(CertificateId certificate) => Task.CompletedTask;
        public Task<MovedSession?> TakeOver(string key, SessionEpoch epoch, bool discard) => Task.FromResult<MovedSession?>(null);
        public Task<MovedMessages?> Collect(string key, SessionEpoch epoch, string toGateway) => Task.FromResult<MovedMessages?>(null);
        public Task<PeerAnswer> Forward(PeerBatch batch) => Task.FromResult(PeerAnswer.UnknownSender);
        public Task PublishLostSessions(ImmutableArray<LostSession> sessions) => Task.CompletedTask;

        public Task<FailoverProgress> TakeOverFrom(string deadGatewayId) => Task.FromResult<FailoverProgress>(new FailoverProgress.Done());
    }
}

/// <summary>A device as its gateway relays it. It runs each job it is given once, and counts.</summary>
internal sealed class RelayedDevice(RolloutsUnderTest fleet, ThingName thing)
{
    private FirmwareVersion _running = Given.V1;
    private int _sessions;
    private long _shadow;

    public ThingName Thing => thing;
    public IDeviceGrain Grain => fleet.Grains.GetGrain<IDeviceGrain>(thing.Value);
    public int Installed { get; private set; }
    public string? SessionId { get; private set; }
    public bool Fails { get; init; }

    public RelayedDevice In(RolloutsUnderTest next) =>
        new(next, thing) { Fails = Fails, Installed = Installed, _running = _running, _sessions = _sessions, _shadow = _shadow };

    public async Task Connect()
    {
        SessionId = $"{thing}-{++_sessions}";
        await Grain.Connected(new DeviceSession(SessionId, fleet.Gateway, "::1", fleet.Time.GetUtcNow(), new(_sessions)));
        await Grain.ReportFirmware(new FirmwareReport(_running, true, ++_shadow, fleet.Time.GetUtcNow(), new(_sessions)));
    }

    /// <summary>One step of whatever job it has.</summary>
    public async Task Work()
    {
        if (SessionId is null) await Connect();
        if (await Grain.StartNextJob(new StartNextJob(null)) is not { } job) return;
        switch (job.Stage)
        {
            case JobStage.Downloading when Fails: await Say(job, JobExecutionStatus.Failed, null); break;
            case JobStage.Downloading: await Say(job, JobExecutionStatus.InProgress, "installing"); break;
            case JobStage.Installing: await Say(job, JobExecutionStatus.InProgress, "confirming"); break;
            case JobStage.Confirming:
                await Grain.Disconnected(SessionId!, DisconnectReason.ClientInitiatedDisconnect, fleet.Time.GetUtcNow());
                if (_running != Given.V2) Installed++;
                _running = Given.V2;
                await Connect();
                await Say(job, JobExecutionStatus.Succeeded, null);
                break;
        }
    }

    private Task<UpdateJobResult> Say(JobExecution job, JobExecutionStatus status, string? step) => Grain.UpdateJob(new UpdateJob(
        job.JobId, status, step is null ? null : ImmutableSortedDictionary<string, string>.Empty.Add("step", step), null,
        job.ExecutionNumber));
}
