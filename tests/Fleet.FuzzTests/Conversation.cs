namespace Fleet.FuzzTests;

/// <summary>The last bytes of a connection, each way.</summary>
internal sealed class Conversation
{
    private const int MaxLines = 60, MaxBytes = 80;

    private readonly Queue<string> _lines = new();

    public void Begin() => _lines.Clear();

    public void Note(char direction, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return;
        if (_lines.Count == MaxLines) _lines.Dequeue();
        _lines.Enqueue($"{direction} {Convert.ToHexString(bytes[..Math.Min(bytes.Length, MaxBytes)])}{(bytes.Length > MaxBytes ? $"… {bytes.Length} bytes" : "")}");
    }

    public override string ToString() => string.Join('\n', _lines);
}
