using Fleet.Interfaces.Rollouts;

namespace Fleet.Silo.Api.Rollouts;

/// <summary>What holds where a plan says nothing. A rollout shows them in its plan, so nobody has to know them by heart.</summary>
internal static class PlanDefaults
{
    /// <summary>1,000 a minute, as AWS IoT Jobs does when nothing is said.</summary>
    public const int PerMinute = 1000;

    /// <summary>As many at once as one minute admits: a fault that shows within a minute has reached no more devices than this.</summary>
    public const int Concurrency = 1000;

    /// <summary>
    /// With ten outcomes one failure is enough to make somebody look; a fault that is rarer than one in ten does not stop a fleet at night.
    /// A plan without any gate has to say so: <c>"gates": []</c>.
    /// </summary>
    public static readonly ImmutableArray<RolloutGate> Gates = [new(
        GateFailure.Any, ThresholdPercent: 10, MinimumExecuted: 10, GateAction.Pause)];

    /// <summary>
    /// A week to come back from being switched off; an hour for a gigabyte over a slow link; twenty minutes to write it; a quarter of an
    /// hour to restart and report.
    /// </summary>
    public static readonly RolloutDeadlines Deadlines =
        new(
            Queued: TimeSpan.FromDays(7), Downloading: TimeSpan.FromHours(1), Installing: TimeSpan.FromMinutes(20),
            Confirming: TimeSpan.FromMinutes(15));

    /// <summary>
    /// Boot proof is the only success unless a plan says otherwise; the first healthy report from the new version suffices.
    /// </summary>
    public static readonly RolloutProof Proof = new(Boot: true, HealthyFor: TimeSpan.Zero);
}
