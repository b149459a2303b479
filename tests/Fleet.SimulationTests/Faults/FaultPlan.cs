using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.Faults;

/// <summary>
/// How often what goes wrong. Rates are per message, call or write, from 0 to 1; drawn from the seed, so that seeds differ in kind and not
/// only in order.
/// </summary>
internal sealed record FaultPlan
{
    public static readonly FaultPlan None = new();

    // Between device and gateway, and gateway and grain.
    public double RequestLost { get; init; }
    public double AnswerLost { get; init; }
    public double RequestRepeated { get; init; }

    /// <summary>Late by up to a minute, so that others overtake it.</summary>
    public double MessageLate { get; init; }
    public double NotificationLost { get; init; }
    public double NotificationRepeated { get; init; }
    public double NotificationLate { get; init; }

    // Between grains.
    public double CallLost { get; init; }
    public double CallAnswerLost { get; init; }
    public double CallRepeated { get; init; }

    /// <summary>Takes up to 40 s: callers give up after 30.</summary>
    public double CallSlow { get; init; }

    /// <summary>The activation ends after a call.</summary>
    public double DeactivatedAfterCall { get; init; }

    /// <summary>Of all calls, observers' included: one that is sent later may arrive before it.</summary>
    public double CallOvertaken { get; init; }

    /// <summary>Of all calls, observers' included: it is refused as by a silo that has just died.</summary>
    public double CallMeetsDeadSilo { get; init; }

    /// <summary>Of calls that wait when an activation ends: it is refused, rather than handed on to the next.</summary>
    public double CallMeetsDeactivation { get; init; }

    // Storage.
    public double WriteFails { get; init; }

    /// <summary>The write is there, but whoever wrote is told that it failed: the activation dies between write and effect.</summary>
    public double WriteFailsAfterItLanded { get; init; }
    public double ReadFails { get; init; }

    /// <summary>Slowest operation, milliseconds; 0: all are done at once.</summary>
    public int StorageMilliseconds { get; init; }

    // By the virtual hour.
    public double RestartsPerHour { get; init; }
    public double ClockJumpsPerHour { get; init; }
    public double OperatorActsPerHour { get; init; }

    /// <summary>Share of devices that are not good ones.</summary>
    public double BadDevices { get; init; }

    /// <summary>Sessions of a device that end for no reason, per hour.</summary>
    public double DropsPerHour { get; init; }

    /// <summary>How long faults go on; after that only devices are bad.</summary>
    public TimeSpan Lasts { get; init; }

    public static FaultPlan Draw(Random random) => new()
    {
        RequestLost = random.Rate(0.15),
        AnswerLost = random.Rate(0.15),
        RequestRepeated = random.Rate(0.2),
        MessageLate = random.Rate(0.1),
        NotificationLost = random.Rate(0.2),
        NotificationRepeated = random.Rate(0.3),
        NotificationLate = random.Rate(0.2),
        CallLost = random.Rate(0.05),
        CallAnswerLost = random.Rate(0.05),
        CallRepeated = random.Rate(0.1),
        CallSlow = random.Rate(0.02),
        DeactivatedAfterCall = random.Rate(0.05),
        WriteFails = random.Rate(0.05),
        WriteFailsAfterItLanded = random.Rate(0.05),
        ReadFails = random.Rate(0.05),
        StorageMilliseconds = random.Next(3) == 0 ? 0 : random.Next(1, 200),
        RestartsPerHour = random.Rate(20),
        ClockJumpsPerHour = random.Next(4) == 0 ? random.NextDouble() * 4 : 0,
        OperatorActsPerHour = random.Rate(60),
        BadDevices = random.Rate(0.6),
        DropsPerHour = random.Rate(20),
        Lasts = random.Between(TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(40)),
        CallOvertaken = random.Rate(1),
        CallMeetsDeadSilo = random.Rate(0.03),
        CallMeetsDeactivation = random.Rate(0.5),
    };
}
