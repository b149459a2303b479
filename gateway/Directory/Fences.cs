using Fleet.Gateway.Sessions;
using Fleet.Interfaces;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.Directory;

/// <summary>
/// What has become true while a CONNECT was being authorised, and makes its session void: a newer owner of the client id elsewhere, a
/// certificate that is good no more, this gateway's own death in the eyes of the others. Remembered for longer than an authorisation can
/// take.
/// </summary>
internal sealed class Fences(GatewayIdentity gateway, GatewayClock clock)
{
    private const long KeptMs = 60_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (SessionEpoch Epoch, long Until)> _epochs = new(StringComparer.Ordinal);
    private readonly Dictionary<CertificateId, long> _certificates = [];

    /// <summary>Sessions of this key below this epoch are void.</summary>
    public void Raise(string key, SessionEpoch epoch)
    {
        lock (_gate) _epochs[key] = (SessionEpoch.Later(epoch, HighestOf(key)), clock.NowMs + KeptMs);
    }

    /// <summary>The highest epoch that the client is known to have been given; null: none is.</summary>
    public SessionEpoch? EpochOf(string key)
    {
        lock (_gate) return HighestOf(key);
    }

    public void Raise(CertificateId certificate)
    {
        lock (_gate) _certificates[certificate] = clock.NowMs + KeptMs;
    }

    /// <summary>Why a session cannot begin although it was authorised; null if it can.</summary>
    public string? Check(SessionIdentity identity)
    {
        if (gateway.IsBeginning || gateway.HadBefore(identity.GatewayId)) return "the gateway begins anew.";
        lock (_gate)
        {
            if (_epochs.TryGetValue(identity.Key, out var fence) && identity.Epoch < fence.Epoch)
                return "a newer connection has the client identifier.";
            return identity.Certificate is { } certificate && _certificates.ContainsKey(certificate)
                ? $"certificate {certificate} is no longer good." : null;
        }
    }

    public void Sweep(long now)
    {
        lock (_gate)
        {
            foreach (var (key, fence) in _epochs)
            {
                if (fence.Until < now) _epochs.Remove(key);
            }
            foreach (var (certificate, until) in _certificates)
            {
                if (until < now) _certificates.Remove(certificate);
            }
        }
    }

    private SessionEpoch? HighestOf(string key) => _epochs.TryGetValue(key, out var fence) ? fence.Epoch : null;
}
