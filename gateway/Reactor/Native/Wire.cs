namespace Fleet.Gateway.Reactor.Native;

/// <summary>What a read or write came to, where it moved no bytes.</summary>
internal static class WireResult
{
    /// <summary>Nothing now; the loop says when.</summary>
    public const int WouldBlock = 0;

    /// <summary>The peer has said that it sends no more.</summary>
    public const int Ended = -1;

    /// <summary>The connection is broken.</summary>
    public const int Lost = -2;
}

/// <summary>The bytes of one socket, in the clear. Never waits; its loop's thread alone uses it.</summary>
internal abstract class Wire(int socket) : IDisposable
{
    private bool _disposed;

    public int Socket => socket;

    /// <summary>Bytes that have been taken from the socket and not been read yet may be there: the socket will not say so.</summary>
    public abstract bool HasPending { get; }

    /// <summary>The last read waits until the socket takes output (TLS has something of its own to send).</summary>
    public virtual bool ReadWantsOutput => false;

    /// <returns>How many bytes were read; or a <see cref="WireResult"/>.</returns>
    public abstract int Read(Span<byte> into);

    /// <returns>How many bytes were taken; or a <see cref="WireResult"/>.</returns>
    public abstract int Write(ReadOnlySpan<byte> bytes);

    /// <summary>Says that nothing more will be sent.</summary>
    public virtual void EndOutput() => _ = Libc.Shutdown(socket, Libc.ShutdownWrite);

    public virtual void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        // Nobody can do anything about an error here, and Linux has closed the file in any case.
        _ = Libc.Close(socket);
    }
}

/// <summary>A socket as it is.</summary>
internal sealed unsafe class PlainWire(int socket) : Wire(socket)
{
    public override bool HasPending => false;

    public override int Read(Span<byte> into)
    {
        fixed (byte* at = into)
        {
            nint read = Libc.Receive(Socket, at, (nuint)into.Length, 0);
            if (read > 0) return (int)read;
            if (read == 0) return WireResult.Ended;
        }
        return Failure();
    }

    public override int Write(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* at = bytes)
        {
            nint written = Libc.Send(Socket, at, (nuint)bytes.Length, Libc.MessageNoSignal);
            return written >= 0 ? (int)written : Failure();
        }
    }

    private static int Failure() => Libc.LastError is Libc.WouldBlock or Libc.Interrupted ? WireResult.WouldBlock : WireResult.Lost;
}
