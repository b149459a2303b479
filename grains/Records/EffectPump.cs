namespace Fleet.Grains.Records;

/// <summary>
/// Carries out effects that no request awaits: whom they call may be waiting for this grain. Each is under way once at a time; one that
/// fails is owed still, and posted again by the state that it follows from.
/// </summary>
internal sealed class EffectPump<TEffect>(Func<TEffect, Task> carryOut, Action<TEffect, Exception> failed)
{
    private readonly HashSet<TEffect> _underWay = [];

    /// <summary>Does nothing if the effect is under way.</summary>
    public void Post(TEffect effect)
    {
        if (_underWay.Add(effect)) _ = CarryOut(effect);
    }

    private async Task CarryOut(TEffect effect)
    {
        try
        {
            await carryOut(effect);
        }
        catch (Exception e)
        {
            failed(effect, e);
        }
        finally
        {
            _underWay.Remove(effect);
        }
    }
}
