using System.Numerics;

namespace Fleet.Gateway.Blocks;

/// <summary>A GetStream request as it was sent: spec/aws-iot-topics.md, 3.2. A field that was absent is null.</summary>
internal readonly record struct BlockRequest(
    string? ClientToken, long? StreamVersion, long? FileId, long? BlockBytes, long? Offset, long? Count, ReadOnlyMemory<byte>? Bitmap)
{
    public const int MinBlockBytes = 256;
    public const int MaxAnswerBytes = 131_072;
    public const int MaxBlocks = 98_304;
    public const int MaxBitmapBytes = 12_288;
    public const int MaxTokenBytes = 64;

    /// <summary>What is wrong with it, whatever the stream holds; null if nothing is.</summary>
    public BlockFault? Check() => this switch
    {
        { FileId: null } => new("InvalidRequest", "The field f (file id) is missing."),
        { FileId: < 0 or > 255 } => new("InvalidRequest", $"The field f (file id) must be 0 to 255, not {FileId}."),
        { BlockBytes: null } => new("InvalidRequest", "The field l (block size) is missing."),
        { BlockBytes: < MinBlockBytes or > MaxAnswerBytes } => new("BlockSizeOutOfBounds", $"The field l (block size) must be {MinBlockBytes} to {MaxAnswerBytes} bytes, not {BlockBytes}."),
        { Offset: < 0 or > MaxBlocks } => new("OffsetOutOfBounds", $"The field o (block offset) must be 0 to {MaxBlocks}, not {Offset}."),
        { Count: < 0 or > MaxBlocks } => new("BlockCountLimitExceeded", $"The field n (number of blocks) must be 0 to {MaxBlocks}, not {Count}."),
        { Bitmap.Length: >= MaxBitmapBytes } => new("BlockBitmapLimitExceeded", $"The field b (bitmap) must be shorter than {MaxBitmapBytes} bytes."),
        { StreamVersion: < 0 or > 65_535 } => new("InvalidRequest", $"The field s (stream version) must be 0 to 65535, not {StreamVersion}."),
        _ => null,
    };

    /// <summary>
    /// The blocks to send, in ascending order: those asked for that lie inside the file, as far as 128 KiB go (what is left out, the
    /// device asks for again). Empty when nothing that was asked for lies inside.
    /// </summary>
    /// <param name="fileBytes">The file's size.</param>
    public List<long> BlocksWithin(long fileBytes)
    {
        long size = BlockBytes!.Value, offset = Offset ?? 0;
        long end = (fileBytes + size - 1) / size;
        long room = Math.Min(Count ?? MaxAnswerBytes / size, MaxAnswerBytes / size);
        var blocks = new List<long>((int)Math.Min(room, 512));
        if (Bitmap is not { } bitmap)
        {
            for (long block = offset; block < end && blocks.Count < room; block++) blocks.Add(block);
            return blocks;
        }
        for (int at = 0; at < bitmap.Length && blocks.Count < room; at++)
        {
            // Byte 0 covers blocks o to o+7, the least significant bit first.
            for (uint bits = bitmap.Span[at]; bits != 0 && blocks.Count < room; bits &= bits - 1)
            {
                long block = offset + at * 8L + BitOperations.TrailingZeroCount(bits);
                if (block < end) blocks.Add(block);
            }
        }
        return blocks;
    }
}

/// <param name="Code">One of spec/aws-iot-topics.md, 3.4.</param>
internal sealed record BlockFault(string Code, string Message);
