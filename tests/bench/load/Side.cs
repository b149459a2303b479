namespace Fleet.Load;

/// <summary>One of the servers that a scenario measures.</summary>
internal sealed record Side(Target Target, ServerProcess Server);

/// <summary>Load on one server that can be held up and let go.</summary>
internal interface ILoad
{
    Side Side { get; }

    /// <summary>Units of work that are done.</summary>
    double Done { get; }

    /// <summary>Nothing is on its way any more.</summary>
    bool IsQuiet { get; }

    void Go();

    /// <summary>What is on its way is finished, nothing more is begun.</summary>
    void Hold();
}

/// <summary>
/// Measures servers in turn, a moment each and again and again, so that what else the machine does, and how warm it is, meets all of them alike.
/// </summary>
internal static class Turns
{
    private const double TurnSeconds = 0.5;

    /// <param name="seconds">For each of them.</param>
    public static async Task Measure(IReadOnlyList<ILoad> loads, double warmup, double seconds, Func<ILoad, (string, double)[]> more)
    {
        await Alternate(loads, warmup);
        var before = loads.Select(load => load.Done).ToArray();
        var (cpu, lasted) = await Alternate(loads, seconds);
        for (int i = 0; i < loads.Count; i++)
        {
            double count = loads[i].Done - before[i];
            Run.Print([("cpu_us", cpu[i] / count), ("per_s", count / lasted[i]), .. more(loads[i])]);
        }
    }

    private static async Task<(double[] Cpu, double[] Seconds)> Alternate(IReadOnlyList<ILoad> loads, double seconds)
    {
        var (cpu, lasted) = (new double[loads.Count], new double[loads.Count]);
        while (lasted[^1] < seconds)
        {
            for (int i = 0; i < loads.Count; i++)
            {
                var (used, start) = (loads[i].Side.Server.CpuMicroseconds(), System.Diagnostics.Stopwatch.GetTimestamp());
                loads[i].Go();
                await Run.Wait(TurnSeconds);
                loads[i].Hold();
                for (int waited = 0; !loads[i].IsQuiet; waited++)
                {
                    if (waited > 5_000) throw new TimeoutException("The server does not finish what it was given.");
                    await Run.Wait(0.002);
                }
                cpu[i] += loads[i].Side.Server.CpuMicroseconds() - used;
                lasted[i] += System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }
        return (cpu, lasted);
    }
}
