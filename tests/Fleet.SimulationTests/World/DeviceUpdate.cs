using System.Text.Json;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.SimulationTests.World;

/// <summary>How a device behaves, whatever is asked of it.</summary>
internal enum Fate
{
    Good,

    /// <summary>Stops in the middle and is never heard of again, or hours later.</summary>
    GoesSilent,

    /// <summary>Fetches for longer than the plan allows.</summary>
    Slow,
    FailsInstall,
    Rejects,
    BootsOld,

    /// <summary>Says that it has succeeded, and stays as it is.</summary>
    ClaimsOnly,
    NeverHealthy,

    /// <summary>Connects and drops again and again.</summary>
    Flaps,
}

internal enum UpdateStep
{
    Fetching,

    /// <summary>To be told: installing.</summary>
    Fetched,
    Installing,

    /// <summary>The new slot is written. To be told: confirming.</summary>
    Written,

    /// <summary>To come up with whatever comes up, and to tell the outcome.</summary>
    Restarting,
    Decided,
}

/// <summary>Which attempt of which job.</summary>
internal readonly record struct ExecutionKey(JobId Job, int Number)
{
    public override string ToString() => $"{Job}#{Number}";
}

/// <summary>An update as the device keeps it on its own disk.</summary>
internal sealed record DeviceUpdate(ExecutionKey Key, FirmwareVersion Version, UpdateStep Step)
{
    /// <summary>The service may know of the step that is to be told.</summary>
    public bool Told { get; init; }
    public JobExecutionStatus? Outcome { get; init; }

    public static FirmwareVersion VersionIn(string document)
    {
        using var json = JsonDocument.Parse(document);
        return Names.Of<FirmwareVersion>(json.RootElement.GetProperty("fleet").GetProperty("version").GetString()!);
    }
}
