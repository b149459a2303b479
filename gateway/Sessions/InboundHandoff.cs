namespace Fleet.Gateway.Sessions;

/// <summary>A session on its way here.</summary>
internal sealed class InboundHandoff(Session session)
{
    public Session Session => session;

    /// <summary>Completes when it is here, or will never be.</summary>
    public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
