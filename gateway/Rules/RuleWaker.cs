using Fleet.Interfaces.Rules;

namespace Fleet.Gateway.Rules;

/// <summary>
/// Tells a rule that there is something in its queue: one call at a time, and one more after it if more came meanwhile. Who is not reached
/// looks by itself within a minute.
/// </summary>
internal sealed class RuleWaker(RuleName rule, RuleParts parts)
{
    private const int Idle = 0, Calling = 1, CallingAndMore = 2;

    private int _state;

    public void Wake()
    {
        while (true)
        {
            switch (Interlocked.CompareExchange(ref _state, Calling, Idle))
            {
                case Idle:
                    _ = Call();
                    return;
                case CallingAndMore:
                    return;
                default:
                    if (Interlocked.CompareExchange(ref _state, CallingAndMore, Calling) != Idle) return;
                    break;
            }
        }
    }

    private async Task Call()
    {
        do
        {
            Volatile.Write(ref _state, Calling);
            try
            {
                await parts.Grains.GetGrain<IRuleGrain>(rule.Value).Wake().ConfigureAwait(false);
            }
            catch (Exception e)
            {
                parts.Log.RuleNotWoken(e, rule.Value);
            }
        }
        while (Interlocked.CompareExchange(ref _state, Idle, Calling) != Calling);
    }
}
