using System.Security.Cryptography;
using System.Text;

namespace Fleet.SimulationTests.Kernel;

/// <summary>
/// What happened, line by line: virtual time, actor, event. Hashed as it grows, so that two runs can be compared however long they are.
/// </summary>
internal sealed class History(Func<TimeSpan> elapsed, TextWriter? full) : IDisposable
{
    private const int TailLines = 400;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly Queue<string> _tail = new();
    private readonly byte[] _bytes = new byte[64 * 1024];
    private int _used;

    public long Lines { get; private set; }

    /// <summary>The last lines, oldest first.</summary>
    public IEnumerable<string> Tail => _tail;

    public void Add(string actor, string what)
    {
        string line = string.Create(null, stackalloc char[256], $"{elapsed():d\\.hh\\:mm\\:ss\\.fff} {actor} {what}");
        Lines++;
        full?.WriteLine(line);
        if (_tail.Count == TailLines) _tail.Dequeue();
        _tail.Enqueue(line);
        if (Encoding.UTF8.GetMaxByteCount(line.Length + 1) > _bytes.Length - _used) Flush();
        _used += Encoding.UTF8.GetBytes($"{line}\n".AsSpan()[..Math.Min(line.Length + 1, 16_000)], _bytes.AsSpan(_used));
    }

    /// <summary>SHA-256 of all lines so far, in hex.</summary>
    public string Digest()
    {
        Flush();
        return Convert.ToHexStringLower(_hash.GetCurrentHash());
    }

    public void Dispose() => _hash.Dispose();

    private void Flush()
    {
        _hash.AppendData(_bytes, 0, _used);
        _used = 0;
    }
}
