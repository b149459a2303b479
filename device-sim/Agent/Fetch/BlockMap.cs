using System.Numerics;

namespace Fleet.DeviceSim.Agent.Fetch;

/// <summary>One request for blocks (spec/aws-iot-topics.md, 3.2).</summary>
/// <param name="Offset">First block.</param>
/// <param name="Count">Blocks wanted: consecutive ones, or those of the bitmap.</param>
/// <param name="Bitmap">Relative to the offset, least significant bit first; null if the blocks are consecutive.</param>
internal sealed record BlockRequest(int Offset, int Count, byte[]? Bitmap)
{
    public bool Covers(int block)
    {
        int bit = block - Offset;
        if (bit < 0) return false;
        return Bitmap is null ? bit < Count : bit / 8 < Bitmap.Length && (Bitmap[bit / 8] & (1 << (bit % 8))) != 0;
    }
}

/// <summary>Which blocks of a file are still missing: a bit each, least significant first, 1 for missing, as the wire has it.</summary>
internal sealed class BlockMap
{
    /// <summary>Most that one request may ask for, in bytes of payload.</summary>
    public const int MaxRequestBytes = 128 * 1024;

    /// <summary>Longest bitmap, in bytes.</summary>
    private const int MaxBitmapBytes = 12_287;

    private readonly byte[] _missing;
    private readonly long _fileBytes;

    public BlockMap(long fileBytes, int blockBytes)
        : this(fileBytes, blockBytes, AllMissing(CountOf(fileBytes, blockBytes)))
    {
    }

    /// <param name="missing">Bits beyond the last block are ignored.</param>
    public BlockMap(long fileBytes, int blockBytes, byte[] missing)
    {
        (_fileBytes, BlockBytes, Count) = (fileBytes, blockBytes, CountOf(fileBytes, blockBytes));
        if (missing.Length != BytesOf(Count))
            throw new ArgumentException($"{missing.Length} bytes of bitmap for {Count} blocks.", nameof(missing));
        _missing = missing;
        if (Count % 8 != 0) _missing[^1] &= (byte)((1 << (Count % 8)) - 1);
        Missing = _missing.Sum(b => BitOperations.PopCount(b));
    }

    public int BlockBytes { get; }
    public int Count { get; }
    public int Missing { get; private set; }
    public bool IsComplete => Missing == 0;
    public ReadOnlySpan<byte> Bits => _missing;

    public static int CountOf(long fileBytes, int blockBytes) => checked((int)((fileBytes + blockBytes - 1) / blockBytes));

    public static int BytesOf(int blocks) => (blocks + 7) / 8;

    public bool IsMissing(int block) => (_missing[block / 8] & (1 << (block % 8))) != 0;

    /// <summary>The last block is what is left.</summary>
    public int LengthOf(int block) => (int)Math.Min(BlockBytes, _fileBytes - OffsetOf(block));

    public long OffsetOf(int block) => (long)block * BlockBytes;

    /// <returns>False if it was there already.</returns>
    public bool Receive(int block)
    {
        if (!IsMissing(block)) return false;
        _missing[block / 8] &= (byte)~(1 << (block % 8));
        Missing--;
        return true;
    }

    /// <summary>The first missing block at or after <paramref name="from"/>, or <see cref="Count"/>.</summary>
    public int FirstMissing(int from = 0)
    {
        for (int block = from; block < Count;)
        {
            if (block % 8 == 0 && _missing[block / 8] == 0) block += 8;
            else if (IsMissing(block)) return block;
            else block++;
        }
        return Count;
    }

    /// <summary>The next present block after <paramref name="from"/>, or <see cref="Count"/>: where a run of missing blocks ends.</summary>
    public int EndOfRun(int from)
    {
        int block = from;
        while (block < Count && IsMissing(block)) block++;
        return block;
    }

    /// <summary>What to ask for next: as many of the first missing blocks as one answer may carry. Null if none is missing.</summary>
    public BlockRequest? NextRequest()
    {
        int first = FirstMissing();
        if (first == Count) return null;
        int most = Math.Max(1, MaxRequestBytes / BlockBytes);
        var wanted = new List<int>(most);
        for (int block = first; block < Count && wanted.Count < most && block - first < MaxBitmapBytes * 8; block = FirstMissing(block + 1))
            wanted.Add(block);
        if (wanted[^1] - first == wanted.Count - 1) return new BlockRequest(first, wanted.Count, null);
        var bitmap = new byte[BytesOf(wanted[^1] - first + 1)];
        foreach (int block in wanted) bitmap[(block - first) / 8] |= (byte)(1 << ((block - first) % 8));
        return new BlockRequest(first, wanted.Count, bitmap);
    }

    private static byte[] AllMissing(int blocks)
    {
        var bits = new byte[BytesOf(blocks)];
        bits.AsSpan().Fill(0xFF);
        return bits;
    }
}
