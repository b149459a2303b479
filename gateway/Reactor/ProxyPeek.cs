using Fleet.Gateway.Reactor.Native;
using Fleet.Gateway.Transport;

namespace Fleet.Gateway.Reactor;

/// <summary>Takes a PROXY protocol header off a socket, and not a byte of what follows it.</summary>
internal static unsafe class ProxyPeek
{
    public static ProxyHeader Read(int socket)
    {
        Span<byte> bytes = stackalloc byte[ProxyHeader.MaxBytes];
        fixed (byte* at = bytes)
        {
            nint peeked = Libc.Receive(socket, at, ProxyHeader.MaxBytes, Libc.MessagePeek);
            if (peeked < 0 && Libc.LastError is Libc.WouldBlock or Libc.Interrupted) return new ProxyHeader.Incomplete();
            if (peeked <= 0) return new ProxyHeader.Malformed("The connection ended before its PROXY protocol header was there.");
            var header = ProxyHeader.Read(bytes[..(int)peeked]);
            if (header is ProxyHeader.Complete complete && Libc.Receive(socket, at, (nuint)complete.Length, 0) != complete.Length)
                return new ProxyHeader.Malformed("The connection broke within its PROXY protocol header.");
            return header;
        }
    }
}
