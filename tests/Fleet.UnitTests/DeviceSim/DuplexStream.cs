using System.IO.Pipelines;

namespace Fleet.UnitTests.DeviceSim;

/// <summary>A socket without a network: two pipes, and a stream at each end.</summary>
internal sealed class DuplexStream(PipeReader input, PipeWriter output) : Stream
{
    public static (DuplexStream Client, PipeReader FromClient, PipeWriter ToClient) Pair()
    {
        var (up, down) = (new Pipe(new PipeOptions(pauseWriterThreshold: 0)), new Pipe(new PipeOptions(pauseWriterThreshold: 0)));
        return (new DuplexStream(down.Reader, up.Writer), up.Reader, down.Writer);
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var result = await input.ReadAsync(cancellationToken);
        int length = (int)Math.Min(buffer.Length, result.Buffer.Length);
        int at = 0;
        foreach (var segment in result.Buffer.Slice(0, length))
        {
            segment.CopyTo(buffer[at..]);
            at += segment.Length;
        }
        input.AdvanceTo(result.Buffer.GetPosition(length));
        return length;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        await output.WriteAsync(buffer, cancellationToken);

    public override void Flush() { }
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            input.Complete();
            output.Complete();
        }
        base.Dispose(disposing);
    }
}
