namespace Fleet.Mqtt;

/// <summary>The levels of a topic name or filter, from the left; they may be empty. MQTT 5.0, 4.7.1.1.</summary>
internal ref struct TopicLevels(ReadOnlySpan<byte> text)
{
    private ReadOnlySpan<byte> _rest = text;
    private bool _atEnd;

    public ReadOnlySpan<byte> Current { get; private set; }

    /// <summary>Whether <see cref="Current"/> is the last.</summary>
    public readonly bool IsLast => _atEnd;

    public bool MoveNext()
    {
        if (_atEnd) return false;
        int slash = _rest.IndexOf((byte)'/');
        if (slash < 0)
        {
            Current = _rest;
            _atEnd = true;
            return true;
        }
        Current = _rest[..slash];
        _rest = _rest[(slash + 1)..];
        return true;
    }
}
