using Orleans;
using Orleans.Runtime;

namespace Fleet.UnitTests.Engine;

public sealed class ObserverTests
{
    [Fact]
    public async Task An_observer_hears_what_the_grain_tells_in_order()
    {
        await using var engine = await TestEngine.Start();
        var observer = engine.Grains.CreateObjectReference<IListener>(new Listener(engine.Journal));
        var radio = engine.Grains.GetGrain<IRadioGrain>("one");
        await radio.Subscribe(observer);
        for (int i = 0; i < 100; i++) await radio.Say($"{i}");
        await engine.Journal.Until("heard 99");
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"heard {i}"), engine.Journal.Lines);
    }

    [Fact]
    public async Task An_observer_that_fails_or_is_slow_does_not_trouble_the_grain()
    {
        await using var engine = await TestEngine.Start();
        var observer = engine.Grains.CreateObjectReference<IListener>(new Listener(engine.Journal));
        var radio = engine.Grains.GetGrain<IRadioGrain>("one");
        await radio.Subscribe(observer);
        await radio.Say("throw");
        await radio.Say("after");
        await engine.Journal.Until("heard after");
    }

    [Fact]
    public async Task A_call_with_an_answer_waits_for_it()
    {
        await using var engine = await TestEngine.Start();
        var radio = engine.Grains.GetGrain<IRadioGrain>("one");
        await radio.Subscribe(engine.Grains.CreateObjectReference<IListener>(new Listener(engine.Journal)));
        Assert.Equal("hello to you", await radio.Question("hello"));
        await Assert.ThrowsAsync<InvalidDataException>(() => radio.Question("throw"));
    }

    [Fact]
    public async Task A_deleted_observer_hears_nothing_more()
    {
        await using var engine = await TestEngine.Start();
        var observer = engine.Grains.CreateObjectReference<IListener>(new Listener(engine.Journal));
        var radio = engine.Grains.GetGrain<IRadioGrain>("one");
        await radio.Subscribe(observer);
        await radio.Say("before");
        await engine.Journal.Until("heard before");
        engine.Grains.DeleteObjectReference<IListener>(observer);
        await radio.Say("after");
        await Assert.ThrowsAsync<ClientNotAvailableException>(() => radio.Question("hello"));
        Assert.Equal(["heard before"], engine.Journal.Lines);
    }

    [Fact]
    public async Task References_to_one_observer_are_equal_and_to_two_are_not()
    {
        await using var engine = await TestEngine.Start();
        var listener = new Listener(engine.Journal);
        var (a, b) = (engine.Grains.CreateObjectReference<IListener>(listener), engine.Grains.CreateObjectReference<IListener>(listener));
        Assert.NotEqual(a, b);
        Assert.Equal(a, a.AsReference<IListener>());
        Assert.NotEqual(a.GetGrainId(), b.GetGrainId());
    }

    [Fact]
    public async Task Only_what_implements_the_interface_and_is_no_grain_can_observe()
    {
        await using var engine = await TestEngine.Start();
        Assert.Throws<ArgumentException>(() => engine.Grains.CreateObjectReference<IListener>(new Deaf()));
        Assert.Throws<ArgumentException>(() => engine.Grains.DeleteObjectReference<IListener>(new Listener(engine.Journal)));
    }

    private sealed class Deaf : IGrainObserver;

    private sealed class Listener(Journal journal) : IListener
    {
        public void Hear(string words)
        {
            if (words == "throw") throw new InvalidDataException("hear");
            journal.Write($"heard {words}");
        }

        public Task<string> Answer(string words) =>
            words == "throw" ? throw new InvalidDataException("answer") : Task.FromResult($"{words} to you");
    }
}

public interface IListener : IGrainObserver
{
    void Hear(string words);

    Task<string> Answer(string words);
}

public interface IRadioGrain : IGrainWithStringKey
{
    Task Subscribe(IListener listener);

    Task Say(string words);

    Task<string> Question(string words);
}

internal sealed class RadioGrain : Grain, IRadioGrain
{
    private readonly HashSet<IListener> _listeners = [];

    public Task Subscribe(IListener listener)
    {
        _listeners.Add(listener);
        return Task.CompletedTask;
    }

    public Task Say(string words)
    {
        foreach (var listener in _listeners) listener.Hear(words);
        return Task.CompletedTask;
    }

    public Task<string> Question(string words) => _listeners.Single().Answer(words);
}
