using System.Runtime.CompilerServices;
using Orleans;
using Orleans.Runtime;

namespace Fleet.ConformanceTests;

public sealed class ObserversOnGrainHost : ObserverTests<DeterministicHost>;

public sealed class ObserversOnSilo : ObserverTests<OrleansHost>;

/// <remarks>Who hands out a reference holds the observer: Orleans does not, and drops calls to one that was collected.</remarks>
public abstract class ObserverTests<THost> : ConformanceTests<THost> where THost : TestHost, new()
{
    [Fact]
    public async Task An_observer_hears_all_that_the_grain_tells()
    {
        await using var host = await Start();
        var listener = new Listener(host.Journal);
        var observer = host.Grains.CreateObjectReference<IListener>(listener);
        var radio = host.Grains.GetGrain<IRadioGrain>("one");
        await radio.Subscribe(observer);
        for (int i = 100; i < 200; i++) await radio.Say($"{i}");
        for (int i = 100; i < 200; i++) await host.Journal.Until($"heard {i}");
        // In which order, only an observer's method that returns a task can say: a grain that awaits it tells one thing after the other.
        Assert.Equal(Enumerable.Range(100, 100).Select(i => $"heard {i}"), host.Journal.Lines.Order());
        GC.KeepAlive(listener);
    }

    [Fact]
    public async Task An_observer_that_fails_or_is_slow_does_not_trouble_the_grain()
    {
        await using var host = await Start();
        var listener = new Listener(host.Journal);
        var observer = host.Grains.CreateObjectReference<IListener>(listener);
        var radio = host.Grains.GetGrain<IRadioGrain>("one");
        await radio.Subscribe(observer);
        await radio.Say("throw");
        await radio.Say("after");
        await host.Journal.Until("heard after");
        GC.KeepAlive(listener);
    }

    [Fact]
    public async Task A_call_with_an_answer_waits_for_it()
    {
        await using var host = await Start();
        var listener = new Listener(host.Journal);
        var radio = host.Grains.GetGrain<IRadioGrain>("one");
        await radio.Subscribe(host.Grains.CreateObjectReference<IListener>(listener));
        Assert.Equal("hello to you", await radio.Question("hello"));
        await Assert.ThrowsAsync<InvalidDataException>(() => radio.Question("throw"));
        GC.KeepAlive(listener);
    }

    [Fact]
    public async Task A_grain_that_awaits_its_observer_is_heard_in_order()
    {
        await using var host = await Start();
        var listener = new Listener(host.Journal);
        var observer = host.Grains.CreateObjectReference<IListener>(listener);
        var radio = host.Grains.GetGrain<IRadioGrain>("one");
        await radio.Subscribe(observer);
        await radio.Recite(["a", "b", "c", "d", "e", "f", "g", "h"]);
        Assert.Equal("heard a,heard b,heard c,heard d,heard e,heard f,heard g,heard h", string.Join(',', host.Journal.Lines));
        GC.KeepAlive(listener);
    }

    [Fact]
    public async Task A_deleted_observer_hears_nothing_more()
    {
        await using var host = await Start();
        var listener = new Listener(host.Journal);
        var observer = host.Grains.CreateObjectReference<IListener>(listener);
        var radio = host.Grains.GetGrain<IRadioGrain>("one");
        await radio.Subscribe(observer);
        await radio.Say("before");
        await host.Journal.Until("heard before");
        host.Grains.DeleteObjectReference<IListener>(observer);
        await radio.Say("after");
        // The observer's process lives, so nobody knows that there will be no answer.
        var question = radio.Question("hello");
        host.Time.Advance(TimeSpan.FromSeconds(30));
        await Assert.ThrowsAsync<TimeoutException>(() => question);
        Assert.Equal(["heard before"], host.Journal.Lines);
        GC.KeepAlive(listener);
    }

    [Fact]
    public async Task An_observer_that_nobody_else_holds_is_forgotten()
    {
        await using var host = await Start();
        var radio = host.Grains.GetGrain<IRadioGrain>("one");
        await radio.Subscribe(Forgotten(out var forgotten));
        var kept = new Listener(host.Journal);
        await radio.Subscribe(host.Grains.CreateObjectReference<IListener>(kept));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.False(forgotten.IsAlive);
        await radio.Say("hello");
        await host.Journal.Until("heard hello");
        GC.KeepAlive(kept);

        [MethodImpl(MethodImplOptions.NoInlining)]
        IListener Forgotten(out WeakReference forgotten)
        {
            var listener = new Listener(host.Journal);
            forgotten = new(listener);
            return host.Grains.CreateObjectReference<IListener>(listener);
        }
    }

    [Fact]
    public async Task References_to_one_observer_are_equal_and_to_two_are_not()
    {
        await using var host = await Start();
        var listener = new Listener(host.Journal);
        var (a, b) = (host.Grains.CreateObjectReference<IListener>(listener), host.Grains.CreateObjectReference<IListener>(listener));
        Assert.NotEqual(a, b);
        Assert.Equal(a, a.AsReference<IListener>());
        Assert.NotEqual(a.GetGrainId(), b.GetGrainId());
    }

    [Fact]
    public async Task Only_what_implements_the_interface_and_is_no_grain_can_observe()
    {
        await using var host = await Start();
        Assert.Throws<ArgumentException>(() => host.Grains.CreateObjectReference<IListener>(new Deaf()));
        Assert.Throws<ArgumentException>(() => host.Grains.DeleteObjectReference<IListener>(new Listener(host.Journal)));
    }

    private sealed class Deaf : IGrainObserver;

    private sealed class Listener(Journal journal) : IListener
    {
        public void Hear(string words)
        {
            if (words == "throw") throw new InvalidDataException("hear");
            journal.Write($"heard {words}");
        }

        public async Task Note(string words)
        {
            await Task.Yield();
            journal.Write($"heard {words}");
        }

        public Task<string> Answer(string words) =>
            words == "throw" ? throw new InvalidDataException("answer") : Task.FromResult($"{words} to you");
    }
}

public interface IListener : IGrainObserver
{
    void Hear(string words);

    Task Note(string words);

    Task<string> Answer(string words);
}

public interface IRadioGrain : IGrainWithStringKey
{
    Task Subscribe(IListener listener);

    Task Say(string words);

    Task Recite(ImmutableArray<string> words);

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

    public async Task Recite(ImmutableArray<string> words)
    {
        foreach (string word in words) await _listeners.Single().Note(word);
    }

    public Task<string> Question(string words) => _listeners.Single().Answer(words);
}
