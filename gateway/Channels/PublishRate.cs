namespace Fleet.Gateway.Channels;

/// <summary>
/// How fast one client may publish: each message takes the time that it would last at the rate, and time that was not used is saved up to
/// the burst (the generic cell rate algorithm: one number to keep).
/// </summary>
internal sealed class PublishRate(ChannelOptions options, SessionKind kind)
{
    private readonly double _msPerMessage =
        1000.0 / (kind == SessionKind.Claim ? options.MaxClaimPublishesPerSecond : options.MaxPublishesPerSecond);
    private readonly double _msPerByte = 1000.0 / options.MaxPublishBytesPerSecond;
    private readonly double _burstMs = options.PublishBurstSeconds * 1000.0;
    private double _spentUntil = double.MinValue;

    /// <param name="now">Monotonic milliseconds.</param>
    /// <param name="bytes">Of the packet.</param>
    /// <returns>Milliseconds until the client is within its rate again; 0 while it is.</returns>
    public int Spend(long now, long bytes)
    {
        _spentUntil = Math.Max(_spentUntil, now - _burstMs) + Math.Max(_msPerMessage, bytes * _msPerByte);
        return _spentUntil <= now ? 0 : (int)Math.Ceiling(_spentUntil - now);
    }
}
