namespace Fleet.Silo.Telemetry;

/// <summary>One line of <c>/readyz</c>. A process has those of what it does.</summary>
internal interface IReadinessCheck
{
    /// <summary>One word.</summary>
    string Name { get; }

    /// <returns>What is wrong, for people; null when nothing is.</returns>
    ValueTask<string?> Check(CancellationToken cancellation);
}
