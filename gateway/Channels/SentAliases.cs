namespace Fleet.Gateway.Channels;

/// <summary>
/// The topic aliases that this side has set on a connection: the first topics that come get one and keep it. Few, so that looking for one
/// is nearly nothing, and a client that allows 65,535 costs no more than another. MQTT 5.0, 3.3.2.3.4.
/// </summary>
/// <param name="maximum">That the client allows.</param>
internal sealed class SentAliases(int maximum)
{
    private const int Most = 16;

    /// <summary>An alias takes three bytes itself.</summary>
    private const int ShortestTopic = 4;

    private readonly byte[]?[] _topics = maximum == 0 ? [] : new byte[]?[Math.Min(maximum, Most)];
    private int _count;

    /// <param name="isKnown">The client knows it: the topic name may be left out.</param>
    /// <returns>0: none.</returns>
    public ushort Of(ReadOnlySpan<byte> topic, out bool isKnown)
    {
        for (int i = 0; i < _count; i++)
        {
            if (!topic.SequenceEqual(_topics[i])) continue;
            isKnown = true;
            return (ushort)(i + 1);
        }
        isKnown = false;
        return _count < _topics.Length && topic.Length >= ShortestTopic ? (ushort)(_count + 1) : (ushort)0;
    }

    /// <summary>The client has been told the next alias.</summary>
    public void Add(ReadOnlySpan<byte> topic) => _topics[_count++] = topic.ToArray();
}
