using System.Buffers;
using System.IO.Pipelines;

namespace Fleet.Gateway.Transport;

/// <summary>Takes a PROXY protocol header off a pipe, and not a byte of what follows it.</summary>
internal static class ProxyProtocol
{
    /// <returns>The header, or what is wrong with it.</returns>
    public static async Task<ProxyHeader> Read(PipeReader input, CancellationToken cancellation)
    {
        while (true)
        {
            var read = await input.ReadAsync(cancellation);
            var start = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, ProxyHeader.MaxBytes));
            var header = ProxyHeader.Read(start.IsSingleSegment ? start.FirstSpan : start.ToArray());
            if (header is ProxyHeader.Complete complete)
            {
                input.AdvanceTo(read.Buffer.GetPosition(complete.Length));
                return header;
            }
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (header is ProxyHeader.Malformed) return header;
            if (read.IsCompleted) return new ProxyHeader.Malformed("The connection ended within its PROXY protocol header.");
        }
    }
}
