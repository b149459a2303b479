namespace Fleet.Gateway;

/// <summary>
/// This gateway: a new id at each start, and after each time it was taken for dead, so that what names an older one is known to be dead.
/// </summary>
/// <param name="newGuid">Where ids come from; null: chance.</param>
internal sealed class GatewayIdentity(Func<Guid>? newGuid = null)
{
    private readonly Lock _gate = new();
    private volatile string _id = NewId(newGuid);
    private volatile TaskCompletionSource? _beginning;

    public string Id => _id;

    /// <summary>
    /// It begins anew, and cannot know yet what the other gateways' subscribers want: no client may come, none may be told that all is
    /// well.
    /// </summary>
    public bool IsBeginning => _beginning is not null;

    /// <summary>True if <paramref name="id"/> is one of this gateway's former ids. Null is never former.</summary>
    public bool HadBefore(string? id) => id is not null && id != _id;

    /// <summary>Completes when it has begun.</summary>
    public Task Begun => _beginning?.Task ?? Task.CompletedTask;

    /// <summary>Begins anew, until <see cref="Begin"/> says that it has.</summary>
    public void Renew()
    {
        lock (_gate)
        {
            _beginning ??= Background.NewSource();
            _id = NewId();
        }
    }

    /// <summary>It has begun under this id; nothing happens if there is a newer one.</summary>
    public void Begin(string id)
    {
        lock (_gate)
        {
            if (id != _id) return;
            _beginning?.TrySetResult();
            _beginning = null;
        }
    }

    /// <summary>For a gateway's life, or a connection: never given twice.</summary>
    public string NewId() => NewId(newGuid);

    private static string NewId(Func<Guid>? newGuid) => (newGuid?.Invoke() ?? Guid.NewGuid()).ToString("n");
}
