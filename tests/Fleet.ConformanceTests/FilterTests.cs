using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;

namespace Fleet.ConformanceTests;

public sealed class FiltersOnGrainHost : FilterTests<DeterministicHost>;

public sealed class FiltersOnSilo : FilterTests<OrleansHost>;

public abstract class FilterTests<THost> : ConformanceTests<THost> where THost : TestHost, new()
{
    [Fact]
    public async Task Filters_run_around_a_call_those_of_the_host_first()
    {
        await using var host = await Start(new() { Services = services => services.AddSingleton<IIncomingGrainCallFilter, Tracer>() });
        Assert.Equal("HELLO!", await host.Grains.GetGrain<IParrotGrain>("one").Repeat("hello"));
        Assert.Equal(
            ["Repeat(hello) from outside", "grain's own before", "said HELLO", "grain's own after", "Repeat gave HELLO!"],
            host.Journal.Lines);
    }

    [Fact]
    public async Task A_filter_knows_which_grain_calls_and_which_is_called()
    {
        await using var host = await Start(new() { Services = services => services.AddSingleton<IIncomingGrainCallFilter, Tracer>() });
        await host.Grains.GetGrain<IParrotGrain>("one").Ask("two");
        Assert.Contains("Repeat(one asks) from parrot/one", host.Journal.Lines);
    }

    [Fact]
    public async Task A_filter_may_refuse_a_call()
    {
        await using var host = await Start(new() { Services = services => services.AddSingleton<IIncomingGrainCallFilter, Tracer>() });
        await Assert.ThrowsAsync<UnauthorizedAccessException>(() => host.Grains.GetGrain<IParrotGrain>("one").Repeat("secret"));
        Assert.DoesNotContain("said SECRET", host.Journal.Lines);
    }

    // It takes the grain factory, as filters do: making it must not wait for itself.
    private sealed class Tracer(Journal journal, IGrainFactory grains) : IIncomingGrainCallFilter
    {
        public async Task Invoke(IIncomingGrainCallContext context)
        {
            // Orleans' own grains pass here too.
            if (context.Grain is not ParrotGrain)
            {
                await context.Invoke();
                return;
            }
            Assert.Equal(typeof(ParrotGrain), context.ImplementationMethod.DeclaringType);
            Assert.Equal(context.TargetId, grains.GetGrain<IParrotGrain>(context.TargetContext.GrainId).GetGrainId());
            var request = context.Request;
            string? argument = (string?)request.GetArgument(0);
            journal.Write($"{context.MethodName}({argument}) from {Name(context.SourceId)}");
            if (argument == "secret") throw new UnauthorizedAccessException("secret");
            if (context.MethodName == "Repeat") request.SetArgument(0, argument!.ToUpperInvariant());
            await context.Invoke();
            journal.Write($"{context.MethodName} gave {context.Result}");
        }

        // What calls from outside has no id, or one of a client.
        private static string Name(GrainId? source) =>
            source is { } id && id.Type == GrainType.Create("parrot") ? id.ToString() : "outside";
    }
}

public interface IParrotGrain : IGrainWithStringKey
{
    Task<string> Repeat(string words);

    Task Ask(string other);
}

internal sealed class ParrotGrain(Journal journal) : Grain, IParrotGrain, IIncomingGrainCallFilter
{
    public Task<string> Repeat(string words)
    {
        journal.Write($"said {words}");
        return Task.FromResult(words);
    }

    public Task Ask(string other) => GrainFactory.GetGrain<IParrotGrain>(other).Repeat($"{this.GetPrimaryKeyString()} asks");

    public async Task Invoke(IIncomingGrainCallContext context)
    {
        journal.Write("grain's own before");
        await context.Invoke();
        if (context.Result is string said) context.Result = said + "!";
        journal.Write("grain's own after");
    }
}
