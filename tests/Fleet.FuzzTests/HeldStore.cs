using Fleet.UnitTests.Gateway;

namespace Fleet.FuzzTests;

/// <summary>
/// Keeps the stores of retained messages and of sessions from answering before this is over, and then waits until they have: what another thread does must
/// not decide what a seed means.
/// </summary>
internal sealed class HeldStore : IDisposable
{
    private readonly GatewayParts _parts;

    public HeldStore(GatewayParts parts)
    {
        _parts = parts;
        parts.Store.Hold();
        parts.Sessions.Hold();
    }

    public void Dispose()
    {
        _parts.Store.Release();
        _parts.Sessions.Release();
        if (!Task.WhenAll(_parts.Retained.Flushed(), _parts.Journal.Flushed()).Wait(TimeSpan.FromSeconds(20))) throw new FuzzFailedException("A store hangs.");
    }
}
