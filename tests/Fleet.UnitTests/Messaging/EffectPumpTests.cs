using Fleet.Grains.Records;

namespace Fleet.UnitTests.Messaging;

public sealed class EffectPumpTests
{
    private readonly List<TaskCompletionSource> _calls = [];
    private readonly List<string> _failed = [];

    [Fact]
    public void An_effect_is_under_way_once_at_a_time_and_can_be_posted_again_when_it_has_ended_well_or_not()
    {
        var pump = new EffectPump<string>(
            _ =>
            {
                _calls.Add(new());
                return _calls[^1].Task;
            },
            (effect, e) => _failed.Add($"{effect}: {e.Message}"));
        pump.Post("a");
        pump.Post("a");
        pump.Post("b");
        Assert.Equal(2, _calls.Count);
        _calls[0].SetException(new IOException("lost"));
        _calls[1].SetResult();
        Assert.Equal(["a: lost"], _failed);
        pump.Post("a");
        pump.Post("b");
        Assert.Equal(4, _calls.Count);
    }
}
