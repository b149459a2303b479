using System.Buffers;
using Fleet.Gateway.Channels;

namespace Fleet.Gateway.Transport;

/// <summary>
/// What a connection has to send: one buffer being filled while the other is on its way. Both are the pool's, so that a quiet connection
/// holds none. Guarded by the connection's lock; the buffer on its way is read without it.
/// </summary>
/// <param name="pool">Where its memory comes from.</param>
internal class Outbound(int maxBytes, ArrayPool<byte> pool) : IOutbound
{
    private const int FirstBufferBytes = 512;

    private byte[]? _filling, _leaving;
    private int _filled, _left;

    public bool HasRoom => _filled + _left < maxBytes;
    public bool IsEmpty => _filled == 0;

    public void Advance(int count) => _filled += count;

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _filling.AsSpan(_filled);
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _filling.AsMemory(_filled);
    }

    /// <summary>Takes what was filled, to send it; <see cref="Sent"/> gives the memory back.</summary>
    public bool TryBeginSend(out ReadOnlyMemory<byte> bytes)
    {
        bytes = _filling.AsMemory(0, _filled);
        if (_filled == 0) return false;
        (_leaving, _filling, _left, _filled) = (_filling, null, _filled, 0);
        return true;
    }

    public void Sent()
    {
        if (_leaving is not null) pool.Return(_leaving);
        _leaving = null;
        _left = 0;
    }

    /// <summary>Drops everything, and gives all memory back.</summary>
    public void Clear()
    {
        Sent();
        if (_filling is not null) pool.Return(_filling);
        _filling = null;
        _filled = 0;
    }

    private void Reserve(int sizeHint)
    {
        int needed = _filled + Math.Max(sizeHint, 1);
        if (_filling is not null && _filling.Length >= needed) return;
        byte[] larger = pool.Rent(Math.Max(needed, _filling is null ? FirstBufferBytes : _filling.Length * 2));
        if (_filling is not null)
        {
            _filling.AsSpan(0, _filled).CopyTo(larger);
            pool.Return(_filling);
        }
        _filling = larger;
    }
}
