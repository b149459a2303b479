using Fleet.UnitTests.Gateway;

namespace Fleet.FuzzTests;

/// <summary>
/// Keeps the store of retained messages from answering before this is over, and then waits until it has: what another thread does must not decide what a
/// seed means.
/// </summary>
internal sealed class HeldStore : IDisposable
{
    private readonly GatewayParts _parts;

    public HeldStore(GatewayParts parts)
    {
        _parts = parts;
        parts.Store.Hold();
    }

    public void Dispose()
    {
        _parts.Store.Release();
        if (!_parts.Retained.Flushed().Wait(TimeSpan.FromSeconds(20))) throw new FuzzFailedException("The store of retained messages hangs.");
        if (!_parts.Journal.Flushed().Wait(TimeSpan.FromSeconds(20))) throw new FuzzFailedException("The store of sessions hangs.");
    }
}
