namespace Fleet.ConformanceTests;

/// <summary>What a test asks of the engine it runs on. Null: the engine's default, which is the same on both but for the time-out of calls.</summary>
internal sealed record EngineSettings
{
    /// <summary>How long a caller waits.</summary>
    public TimeSpan? ResponseTimeout { get; init; }

    /// <summary>How long an activation may take to come up.</summary>
    public TimeSpan? ActivationTimeout { get; init; }
}
