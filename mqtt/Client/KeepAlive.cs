namespace Fleet.Mqtt;

/// <summary>Sends PINGREQ into silence, and gives the server up that does not answer within another interval. MQTT 5.0, 3.1.2.10.</summary>
internal sealed class KeepAlive : IDisposable
{
    private readonly TimeSpan _interval;
    private readonly Func<TimeSpan> _silence;
    private readonly Action _ping;
    private readonly Action _unanswered;
    private readonly ITimer _timer;
    private volatile bool _waiting;

    /// <param name="interval">Over zero.</param>
    /// <param name="silence">How long nothing has been sent.</param>
    public KeepAlive(TimeProvider clock, TimeSpan interval, Func<TimeSpan> silence, Action ping, Action unanswered)
    {
        _interval = interval;
        _silence = silence;
        _ping = ping;
        _unanswered = unanswered;
        _timer = clock.CreateTimer(static self => ((KeepAlive)self!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(interval, Timeout.InfiniteTimeSpan);
    }

    public void Answered() => _waiting = false;

    public void Dispose() => _timer.Dispose();

    private void Tick()
    {
        if (_waiting)
        {
            _unanswered();
            return;
        }
        var rest = _interval - _silence();
        if (rest <= TimeSpan.Zero)
        {
            _waiting = true;
            _ping();
            rest = _interval;
        }
        _timer.Change(rest, Timeout.InfiniteTimeSpan);
    }
}
