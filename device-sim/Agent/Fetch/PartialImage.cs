using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Fleet.DeviceSim.Agent.Fetch;

/// <summary>
/// An image that is being fetched: the bytes at their places in one file, and beside it which blocks are missing. Both survive the
/// process. Neither is synced block by block: what a power cut mixes up, the digest finds.
/// </summary>
internal sealed class PartialImage : IDisposable
{
    /// <summary>"FLM1", block size (4 bytes), file size (8), SHA-256 (32), then the bitmap; integers little-endian.</summary>
    private const int HeaderBytes = 48;

    private static ReadOnlySpan<byte> Magic => "FLM1"u8;

    private readonly SafeFileHandle _image;
    private readonly SafeFileHandle _map;

    private PartialImage(string path, SafeFileHandle image, SafeFileHandle map, BlockMap blocks) =>
        (Path, _image, _map, Map) = (path, image, map, blocks);

    public string Path { get; }
    public BlockMap Map { get; }

    /// <summary>
    /// Goes on with what is there if it is of the same file, with the block size it was begun with; otherwise starts over.
    /// </summary>
    /// <param name="sha256">64 hex digits: which file it is.</param>
    /// <param name="blockBytes">256 to 131,072.</param>
    public static PartialImage Open(string imagePath, string mapPath, string sha256, long fileBytes, int blockBytes)
    {
        var blocks = ReadMap(mapPath, sha256, fileBytes);
        if (blocks is null || !File.Exists(imagePath))
        {
            File.Delete(mapPath);
            blocks = new BlockMap(fileBytes, blockBytes);
            WriteMap(mapPath, sha256, fileBytes, blocks);
        }
        var image = File.OpenHandle(imagePath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        RandomAccess.SetLength(image, fileBytes);
        return new PartialImage(imagePath, image, File.OpenHandle(mapPath, FileMode.Open, FileAccess.ReadWrite), blocks);
    }

    /// <summary>Puts a block into its place.</summary>
    /// <param name="block">0 to count - 1.</param>
    /// <param name="data">Exactly as long as that block.</param>
    /// <returns>False if it was there already.</returns>
    public bool Write(int block, ReadOnlySpan<byte> data)
    {
        if (data.Length != Map.LengthOf(block))
            throw new ArgumentException($"Block {block} has {Map.LengthOf(block)} bytes, not {data.Length}.", nameof(data));
        if (!Map.IsMissing(block)) return false;
        RandomAccess.Write(_image, data, Map.OffsetOf(block));
        Map.Receive(block);
        RandomAccess.Write(_map, Map.Bits.Slice(block / 8, 1), HeaderBytes + block / 8);
        return true;
    }

    public void Dispose()
    {
        _image.Dispose();
        _map.Dispose();
    }

    private static BlockMap? ReadMap(string path, string sha256, long fileBytes)
    {
        if (!File.Exists(path)) return null;
        var bytes = File.ReadAllBytes(path);
        if (bytes.Length < HeaderBytes || !bytes.AsSpan().StartsWith(Magic)) return null;
        int blockBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4));
        if (BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8)) != fileBytes || blockBytes <= 0) return null;
        if (Convert.ToHexStringLower(bytes.AsSpan(16, 32)) != sha256) return null;
        if (bytes.Length != HeaderBytes + BlockMap.BytesOf(BlockMap.CountOf(fileBytes, blockBytes))) return null;
        return new BlockMap(fileBytes, blockBytes, bytes[HeaderBytes..]);
    }

    private static void WriteMap(string path, string sha256, long fileBytes, BlockMap blocks)
    {
        var bytes = new byte[HeaderBytes + blocks.Bits.Length];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), blocks.BlockBytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), fileBytes);
        Convert.FromHexString(sha256).CopyTo(bytes.AsSpan(16));
        blocks.Bits.CopyTo(bytes.AsSpan(HeaderBytes));
        File.WriteAllBytes(path, bytes);
    }
}
