using System.Buffers;
using System.Text;

namespace Fleet.Mqtt;

/// <summary>The UTF-8 of a string for the length of a call, from the stack's or the pool's memory.</summary>
internal ref struct Utf8Scratch : IDisposable
{
    private byte[]? _rented;

    public Utf8Scratch(string text, Span<byte> stack)
    {
        int most = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (most > stack.Length) stack = _rented = ArrayPool<byte>.Shared.Rent(most);
        Bytes = stack[..Encoding.UTF8.GetBytes(text, stack)];
    }

    public ReadOnlySpan<byte> Bytes { get; }

    public void Dispose()
    {
        if (_rented is null) return;
        ArrayPool<byte>.Shared.Return(_rented);
        _rented = null;
    }
}
