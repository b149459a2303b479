namespace Fleet.Gateway.Downloads;

/// <summary>The key that signs download URLs: the same on every gateway, kept through restarts.</summary>
public interface IDownloadKey
{
    /// <summary>32 bytes, for HMAC-SHA256.</summary>
    ReadOnlySpan<byte> Key { get; }
}
