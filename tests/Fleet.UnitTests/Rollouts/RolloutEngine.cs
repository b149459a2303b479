using System.Collections.Concurrent;
using System.Text.Json;
using Fleet.Engine.Turns;
using Fleet.Grains;
using Fleet.Grains.Firmware;
using Fleet.Grains.Index;
using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;
using Fleet.Silo.Storage;
using Fleet.UnitTests.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Fleet.UnitTests.Rollouts;

/// <summary>The real grains on the engine, with published firmware 2.0.0, devices that the test moves, and a store that outlives a kill.</summary>
internal sealed class RolloutEngine : IAsyncDisposable
{
    private readonly TestEngine _engine;
    private readonly GatewayProbe _probe;
    private readonly CountedTurns _turns;

    private RolloutEngine(TestEngine engine, JsonStore store, GatewayProbe probe, CountedTurns turns, string gateway) =>
        (_engine, Store, _probe, _turns, Gateway) = (engine, store, probe, turns, gateway);

    /// <summary>New at each start of a process.</summary>
    public string Gateway { get; }

    public JsonStore Store { get; }
    public IGrainFactory Grains => _engine.Grains;
    public FakeTimeProvider Time => _engine.Time;
    public IReadOnlyCollection<JobNotification> Notifications => _probe.Notifications;
    public List<EngineDevice> Devices { get; } = [];
    public IRolloutGrain Rollout => Grains.GetGrain<IRolloutGrain>(Given.Rollout.Value);

    public static async Task<RolloutEngine> Start(int devices)
    {
        var fleet = await Start(new JsonStore(), new FakeTimeProvider());
        var firmware = fleet.Grains.GetGrain<IFirmwareGrain>($"{Given.Amr}/{Given.V2}");
        await firmware.Upload(new FirmwareUpload(new string('a', 64), 1000, null));
        await firmware.Publish();
        for (int i = 0; i < devices; i++)
        {
            var device = new EngineDevice(fleet, Given.Thing(i));
            fleet.Devices.Add(device);
            await device.Grain.Register(new(Given.Amr, ImmutableSortedDictionary<string, string>.Empty, DeviceRegistration.ByOperator));
            await device.Connect();
        }
        return fleet;
    }

    /// <summary>The process is killed: a new one starts from what was stored.</summary>
    public async Task<RolloutEngine> Kill()
    {
        var next = await Start(Store.Copy(), new FakeTimeProvider(Time.GetUtcNow()));
        await _engine.DisposeAsync();
        next.Devices.AddRange(Devices.Select(d => d.In(next)));
        return next;
    }

    /// <summary>Lets time pass, a tenth of a second at a time, until it is so.</summary>
    public async Task<RolloutView> Until(Func<RolloutView, bool> isSo, Func<EngineDevice, Task>? act = null)
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
        await Finish(_engine.Stop());
        await _engine.DisposeAsync();
    }

    private static async Task<RolloutEngine> Start(JsonStore store, FakeTimeProvider time)
    {
        var turns = new CountedTurns();
        var engine = await TestEngine.Start(
            services => services.AddSingleton<ITurnExecutor>(turns).AddLogging().AddMetrics().AddFleetRollouts().AddSingleton<TimeProvider>(time)
                .AddSingleton<IGrainStorage>(store).AddSingleton<IFleetIndex>(store).AddSingleton<IFirmwareSigner, NoSigner>(),
            options =>
            {
                options.GrainAssemblies.Add(typeof(GrainStateJson).Assembly);
                // The test's clock outruns a busy machine: no call here is late by it.
                options.ResponseTimeout = TimeSpan.FromDays(30);
            });
        var probe = new GatewayProbe();
        string gateway = Guid.NewGuid().ToString("N");
        await engine.Grains.GetGrain<IGatewayGrain>(gateway).Join(engine.Grains.CreateObjectReference<IGatewayObserver>(probe), null);
        return new(engine, store, probe, turns, gateway);
    }

    /// <summary>Knows when no grain has anything to do, so that time moves only when all that was due has been done.</summary>
    private sealed class CountedTurns : ITurnExecutor
    {
        private int _running;

        public void Submit(IThreadPoolWorkItem turns)
        {
            Interlocked.Increment(ref _running);
            ThreadPool.UnsafeQueueUserWorkItem(
                _ =>
                {
                    turns.Execute();
                    Interlocked.Decrement(ref _running);
                }, null);
        }

        public async Task UntilQuiet()
        {
            // By the queue that all threads share: what is queued before it goes first.
            do await Task.Factory.StartNew(() => { }, default, TaskCreationOptions.PreferFairness, TaskScheduler.Default);
            while (Volatile.Read(ref _running) > 0);
        }
    }

    private sealed class NoSigner : IFirmwareSigner
    {
        public string CertificatePem => "";
        public byte[] SignHash(ReadOnlySpan<byte> sha256) => [1, 2, 3];
    }

    private sealed class GatewayProbe : IGatewayObserver
    {
        public ConcurrentQueue<JobNotification> Notifications { get; } = new();
        public void NotifyJobs(JobNotification notification) => Notifications.Enqueue(notification);
        public void ViewChanged(GatewayView view) { }
        public void EndSession(string clientId, string sessionId, SessionEnd reason) { }
        public Task EndSessionsOf(CertificateId certificate) => Task.CompletedTask;
        public Task<MovedSession?> TakeOver(string key, long epoch, bool discard) => Task.FromResult<MovedSession?>(null);
        public Task<MovedMessages?> Collect(string key, long epoch, string toGateway) => Task.FromResult<MovedMessages?>(null);
        public Task<PeerAnswer> Forward(PeerBatch batch) => Task.FromResult(PeerAnswer.UnknownSender);
        public Task Mourn(ImmutableArray<LostSession> sessions) => Task.CompletedTask;

        public Task<AdoptResult> Adopt(string deadGatewayId) => Task.FromResult<AdoptResult>(new AdoptResult.Done());
    }
}

/// <summary>A device as its gateway relays it. It runs each job it is given once, and counts.</summary>
internal sealed class EngineDevice(RolloutEngine fleet, ThingName thing)
{
    private FirmwareVersion _running = Given.V1;
    private int _sessions;
    private long _shadow;

    public ThingName Thing => thing;
    public IDeviceGrain Grain => fleet.Grains.GetGrain<IDeviceGrain>(thing.Value);
    public int Installed { get; private set; }
    public string? SessionId { get; private set; }
    public bool Fails { get; init; }

    public EngineDevice In(RolloutEngine next) =>
        new(next, thing) { Fails = Fails, Installed = Installed, _running = _running, _sessions = _sessions, _shadow = _shadow, SessionId = null };

    public async Task Connect()
    {
        SessionId = $"{thing}-{++_sessions}";
        await Grain.Connected(new DeviceSession(SessionId, fleet.Gateway, "::1", fleet.Time.GetUtcNow(), _sessions));
        await Grain.ReportFirmware(new FirmwareReport(_running, true, ++_shadow, fleet.Time.GetUtcNow(), _sessions));
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
        job.JobId, status, step is null ? null : ImmutableSortedDictionary<string, string>.Empty.Add("step", step), null, job.ExecutionNumber));
}

/// <summary>Records as the JSON that the service writes, and the index that goes with them.</summary>
internal sealed class JsonStore : IGrainStorage, IFleetIndex
{
    private static readonly JsonSerializerOptions Json = StoredJson.For(GrainStateJson.Options);

    private readonly ConcurrentDictionary<(string State, string Grain), (string Text, long ETag)> _records;
    private readonly ConcurrentDictionary<string, DeviceRow> _rows;

    public JsonStore() => (_records, _rows) = (new(), new());

    private JsonStore(JsonStore other) => (_records, _rows) = (new(other._records), new(other._rows));

    /// <summary>How often records of this name were written.</summary>
    public ConcurrentDictionary<string, int> Writes { get; } = new();

    public JsonStore Copy() => new(this);

    public int LargestBytes(string stateName) => _records.Where(r => r.Key.State == stateName).Max(r => r.Value.Text.Length);

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        await Task.Yield();
        grainState.RecordExists = _records.TryGetValue((stateName, grainId.ToString()), out var record);
        grainState.ETag = grainState.RecordExists ? $"{record.ETag}" : null;
        grainState.State = grainState.RecordExists ? JsonSerializer.Deserialize<T>(record.Text, Json) : default;
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        string text = JsonSerializer.Serialize(grainState.State, Json);
        await Task.Yield();
        var key = (stateName, grainId.ToString());
        long stored = _records.TryGetValue(key, out var record) ? record.ETag : 0;
        if ($"{stored}" != (grainState.ETag ?? "0")) throw new InconsistentStateException("Somebody else wrote it.", $"{stored}", grainState.ETag);
        _records[key] = (text, stored + 1);
        grainState.ETag = $"{stored + 1}";
        grainState.RecordExists = true;
        Writes.AddOrUpdate(stateName, 1, (_, n) => n + 1);
        if (grainState.State is IDeviceIndexed indexed && indexed.ToDeviceRow() is { } row) _rows[row.Thing.Value] = row;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => throw new NotSupportedException();

    public Task<ImmutableArray<DeviceRow>> Find(FleetQuery query, ThingName? after, int limit, CancellationToken cancellation) => Task.FromResult<ImmutableArray<DeviceRow>>(
    [
        .. _rows.Values.Where(row => query.Finds(row))
            .OrderBy(row => row.Thing.Value, StringComparer.Ordinal)
            .Where(row => string.CompareOrdinal(row.Thing.Value, after?.Value) > 0).Take(limit),
    ]);

    public Task<long> Count(FleetQuery query, CancellationToken cancellation) => throw new NotSupportedException();

    public Task<ImmutableDictionary<Connectivity, long>> CountByConnectivity(CancellationToken cancellation) => throw new NotSupportedException();
}
