namespace Fleet.Gateway;

/// <summary>
/// A concern's part in the gateway's start and stop. Steps start in the order in which they are registered, and stop in the opposite one.
/// </summary>
internal interface IGatewayStep
{
    /// <summary>Returns when what comes after it may start.</summary>
    Task Start(CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>Returns when what came before it may stop.</summary>
    Task Stop(CancellationToken cancellation) => Task.CompletedTask;
}

/// <summary>Looks, once a second, at what time has done to a concern.</summary>
/// <param name="now">Monotonic milliseconds.</param>
internal delegate void Sweep(long now);
