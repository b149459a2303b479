namespace Fleet.Gateway.Retained;

/// <summary>The last change of a topic that the next round writes. Guarded by its owner's lock until then.</summary>
internal sealed class RetainedChange
{
    /// <summary>Null: it is removed.</summary>
    public RetainedPublication? Message { get; set; }

    public TaskCompletionSource Durable { get; } = Background.NewSource();

    /// <summary>Somebody made it; otherwise it is for what expired.</summary>
    public bool IsJoined { get; private set; }

    /// <summary>Somebody waits for it.</summary>
    public Task Join()
    {
        IsJoined = true;
        return Durable.Task;
    }
}
