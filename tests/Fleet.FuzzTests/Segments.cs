using System.Buffers;

namespace Fleet.FuzzTests;

/// <summary>The same bytes as a sequence whose segments are cut anywhere, as a network would.</summary>
internal static class Segments
{
    public static ReadOnlySequence<byte> Of(byte[] bytes, Dice dice)
    {
        if (bytes.Length < 2 || dice.Rarely(40)) return new ReadOnlySequence<byte>(bytes);
        var first = new Segment(default, 0);
        var last = first;
        for (int at = 0; at < bytes.Length;)
        {
            int length = Math.Min(bytes.Length - at, dice.Of(1, 2, 7, 1_000, 50_000));
            last = last.Append(bytes.AsMemory(at, length));
            at += length;
        }
        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long index) => (Memory, RunningIndex) = (memory, index);

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
