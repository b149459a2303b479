using Fleet.Grains.Devices;
using Fleet.Grains.Jobs;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;
using Fleet.UnitTests.Rollouts;

namespace Fleet.UnitTests.Devices;

/// <summary>A device's core with a clock, for tests that tell a story.</summary>
internal sealed class TestDevice
{
    private long _shadow;
    private long _epoch;

    public DateTimeOffset Now { get; set; } = Given.Noon;
    public DeviceState State { get; private set; } = new();
    public static ThingName Thing => Given.Thing(1);

    /// <summary>Of the last command.</summary>
    public ImmutableArray<DeviceEvent> Events { get; private set; } = [];
    public ImmutableArray<DeviceEffect> Effects { get; private set; } = [];
    public SendNotification? Notified => Effects.OfType<SendNotification>().SingleOrDefault();
    public DeviceExecution Execution => State.Find(Given.Job, State.Latest(Given.Job)!.Number)!;

    public static TestDevice Registered()
    {
        var device = new TestDevice();
        device.Do(DeviceRegistry.Register(device.State, Thing, new(Given.Amr, ImmutableSortedDictionary<string, string>.Empty, "operator"), device.Now));
        return device;
    }

    /// <summary>Connected in session "s1", with version 1.0.0 and healthy.</summary>
    public static TestDevice Online()
    {
        var device = Registered();
        device.Connect("s1");
        device.Report(Given.V1);
        return device;
    }

    /// <summary>Online, and told that the rollout's job is installed: "confirming".</summary>
    public static TestDevice Confirming(TimeSpan healthyFor = default, bool bootProof = true)
    {
        var device = Online();
        device.Offer(Given.Offer(healthyFor: healthyFor, bootProof: bootProof));
        device.Start();
        device.Step("confirming");
        device.After(10);
        return device;
    }

    public TAnswer Do<TAnswer>(DeviceDecision<TAnswer> decision)
    {
        (Events, Effects) = (decision.Events, decision.Effects);
        State = decision.Events.Aggregate(State, DeviceCore.Apply);
        return decision.Answer;
    }

    public TestDevice After(double seconds)
    {
        Now += TimeSpan.FromSeconds(seconds);
        return this;
    }

    public void Connect(string session) => Do(DevicePresence.Connected(State, new(session, "gateway", "::1", Now, new(++_epoch)), Now));

    public void Disconnect(DisconnectReason reason = DisconnectReason.ClientInitiatedDisconnect) =>
        Do(DevicePresence.Disconnected(State, State.Session!.SessionId, reason, Now, Now));

    public void Report(FirmwareVersion? version, bool? healthy = true) => Do(DevicePresence.Report(State, new(version, healthy, ++_shadow, Now, new(_epoch)), Now));

    /// <summary>Disconnects, and comes back a while later in another session.</summary>
    public void Restart(string session = "s2")
    {
        Disconnect();
        After(10).Connect(session);
    }

    public OfferResult Offer(JobOffer? offer = null) => Do(DeviceOffers.Offer(State, offer ?? Given.Offer(), Now));

    public JobExecution? Start(ImmutableSortedDictionary<string, string>? details = null) => Do(DeviceJobs.StartNext(State, Thing, new(details), Now));

    public UpdateJobResult Update(JobExecutionStatus status, int? expectedVersion = null, string job = "r-1", params (string Key, string Value)[] details) =>
        Do(DeviceJobs.Update(State, Thing, new(
            Given.Name<JobId>(job), status, details.Length == 0 ? null : details.ToImmutableSortedDictionary(d => d.Key, d => d.Value), expectedVersion, null), Now));

    public UpdateJobResult Step(string step) => Update(JobExecutionStatus.InProgress, details: ("step", step));

    public ExecutionReport? Review(JobStage stage, bool expired) => Do(DeviceOffers.Review(State, Thing, Given.Job, 1, stage, expired, Now));
}
