using Fleet.Interfaces;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.World;

/// <summary>
/// What the gateway does for devices: it tells the device grain of sessions, in order and more than once if need be, hands requests on, and
/// publishes what grains notify. It lives and dies with the service process that it is part of.
/// </summary>
internal sealed class SimulatedGateway : IGatewayObserver
{
    private static readonly TimeSpan[] Pauses = [TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5)];

    private readonly SimulatedWorld _world;
    private readonly Random _random;
    private readonly Dictionary<string, Queue<Func<Task>>> _queues = new(StringComparer.Ordinal);
    private IGatewayObserver? _reference;

    /// <param name="number">From 1; one that was taken for dead begins anew under another id.</param>
    public SimulatedGateway(SimulatedWorld world, ServiceProcess process, int number)
    {
        (_world, Process) = (world, process);
        Id = $"gateway-{process.Number}-{number}";
        Number = number;
        _random = SeedStreams.Of(world.Settings.Seed, $"network/{Id}");
    }

    public string Id { get; }

    public int Number { get; }

    public ServiceProcess Process { get; }

    /// <summary>Takes no connection before the grains know where its sessions are reached.</summary>
    public bool IsOpen { get; private set; }

    public async Task Open()
    {
        _reference = Process.Grains.CreateObjectReference<IGatewayObserver>(this);
        while (!await Try("gateway", "join", () => Grain.Join(_reference, "here"))) await Task.Delay(TimeSpan.FromSeconds(1), Process.Time);
        IsOpen = true;
        _world.Do(Beat);
    }

    /// <param name="opened">Called when the grain knows, or does not take it.</param>
    public void Connect(SimulatedDevice device, string session, SessionEpoch epoch, Action<bool> opened)
    {
        var at = _world.Clock.Wall;
        Enqueue(device, async () =>
        {
            bool ok = await Try(device.Name, "connected", () => GrainOf(device).Connected(new DeviceSession(session, Id, "::1", at, epoch)));
            _world.Outside.After(Delay(), () => opened(ok));
        });
    }

    public void Disconnected(SimulatedDevice device, string session, DisconnectReason reason)
    {
        var at = _world.Clock.Wall;
        Tell(device, "disconnected", grain => grain.Disconnected(session, reason, at));
    }

    public void Stale(SimulatedDevice device, string session, DateTimeOffset lastSeenAt) => Tell(device, "stale", grain => grain.Stale(session, lastSeenAt));

    public void Seen(SimulatedDevice device, string session, DateTimeOffset at) => Tell(device, "seen", grain => grain.Seen(session, at));

    /// <summary>A request of a device, and its answer, each of which may be lost, late or repeated on the way.</summary>
    public void Ask<T>(SimulatedDevice device, string what, Func<IDeviceGrain, Task<T>> call, Action<T> answer)
    {
        var faults = _world.Faults;
        if (_random.Chance(faults.RequestLost))
        {
            _world.History.Add(device.Name, $"{what} is lost");
            return;
        }
        Send(Delay());
        if (_random.Chance(faults.RequestRepeated)) Send(Delay());

        void Send(TimeSpan delay) => _world.Outside.After(delay, () => _world.Do(async () =>
        {
            if (Process.IsDead) return;
            T result;
            try { result = await call(GrainOf(device)); }
            catch (Exception e) when (IsOfTheService(e))
            {
                // The gateway answers with an error; to the device that is no answer.
                _world.History.Add(device.Name, $"{what} fails: {e.Message}");
                return;
            }
            if (_random.Chance(_world.Faults.AnswerLost)) _world.History.Add(device.Name, $"the answer to {what} is lost");
            else _world.Outside.After(Delay(), () => answer(result));
        }));
    }

    Task IGatewayObserver.NotifyJobs(JobNotification notification)
    {
        var (device, faults) = (_world.Device(notification.Thing.Value), _world.Faults);
        if (!notification.SendNext) return Task.CompletedTask;
        if (_random.Chance(faults.NotificationLost))
        {
            _world.History.Add(device.Name, "notify-next is lost");
            return Task.CompletedTask;
        }
        Send();
        if (_random.Chance(faults.NotificationRepeated)) Send();
        return Task.CompletedTask;

        void Send() => _world.Outside.After(_random.Chance(_world.Faults.NotificationLate) ? _random.UpTo(90) : Delay(), () => device.Notified(this, notification.Next));
    }

    void IGatewayObserver.ViewChanged(GatewayView view) { }

    Task IGatewayObserver.EndSessionsOf(CertificateId certificate) => Task.CompletedTask;

    Task<MovedSession?> IGatewayObserver.TakeOver(string key, SessionEpoch epoch, bool discard) => Task.FromResult<MovedSession?>(null);

    Task<MovedMessages?> IGatewayObserver.Collect(string key, SessionEpoch epoch, string toGateway) => Task.FromResult<MovedMessages?>(null);

    Task<PeerAnswer> IGatewayObserver.Forward(PeerBatch batch) => Task.FromResult(PeerAnswer.UnknownSender);

    Task IGatewayObserver.PublishLostSessions(ImmutableArray<LostSession> sessions) => Task.CompletedTask;

    Task<FailoverProgress> IGatewayObserver.TakeOverFrom(string deadGatewayId) =>
        Task.FromResult<FailoverProgress>(new FailoverProgress.Done());

    private TimeSpan Delay() => _random.Chance(_world.Faults.MessageLate) ? _random.UpTo(60) : TimeSpan.FromMilliseconds(_random.Next(1, 40));

    private IGatewayGrain Grain => Process.Grains.GetGrain<IGatewayGrain>(Id);

    private IDeviceGrain GrainOf(SimulatedDevice device) => Process.Grains.GetGrain<IDeviceGrain>(device.Name);

    /// <summary>What the service may answer with when it is in trouble. Anything else is a fault of its own.</summary>
    public static bool IsOfTheService(Exception e) => e is TimeoutException or OperationCanceledException or OrleansException;

    private async Task Beat()
    {
        while (true)
        {
            await Task.Delay(GatewayLiveness.BeatEvery, Process.Time);
            GatewayView? view = null;
            if (await Try("gateway", "beat", async () => view = await Grain.Beat(_reference!)) && view is null)
            {
                _world.TakenForDead(this);
                return;
            }
        }
    }

    private void Tell(SimulatedDevice device, string what, Func<IDeviceGrain, Task> call) => Enqueue(device, () => Insist(device, what, call));

    private async Task Insist(SimulatedDevice device, string what, Func<IDeviceGrain, Task> call)
    {
        for (int attempt = 0; !await Try(device.Name, what, () => call(GrainOf(device))); attempt++)
        {
            if (attempt == Pauses.Length)
            {
                _world.History.Add(device.Name, $"{what} was told {attempt + 1} times, and nobody took it");
                return;
            }
            await Task.Delay(Pauses[attempt], Process.Time);
        }
    }

    private async Task<bool> Try(string who, string what, Func<Task> call)
    {
        try
        {
            await call();
            return true;
        }
        catch (Exception e) when (IsOfTheService(e))
        {
            _world.History.Add(who, $"{what} fails: {e.Message}");
            return false;
        }
    }

    /// <summary>One after the other for each device, as the gateway's presence queue.</summary>
    private void Enqueue(SimulatedDevice device, Func<Task> work)
    {
        if (_queues.TryGetValue(device.Name, out var queue))
        {
            queue.Enqueue(work);
            return;
        }
        queue = _queues[device.Name] = new([work]);
        _world.Do(async () =>
        {
            while (queue.TryPeek(out var next))
            {
                await next();
                queue.Dequeue();
            }
            _queues.Remove(device.Name);
        });
    }
}
