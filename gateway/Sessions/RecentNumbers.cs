namespace Fleet.Gateway.Sessions;

/// <summary>
/// Numbers of the last messages that a session took in and that other gateways have copies of: when the session moves, a copy that was slow
/// on its way is known for what it is. Only sessions that outlive their connections keep them, and only where there is more than one
/// gateway.
/// </summary>
internal sealed class RecentNumbers
{
    private const int Max = 1_024;

    private long[] _ring = new long[16];
    private int _next, _count;

    public IEnumerable<long> All => _ring.Take(_count);

    public void Add(long number)
    {
        if (_count == _ring.Length && _count < Max)
        {
            Array.Resize(ref _ring, _ring.Length * 2);
            _next = _count;
        }
        _ring[_next] = number;
        _next = (_next + 1) % _ring.Length;
        if (_count < _ring.Length) _count++;
    }
}
