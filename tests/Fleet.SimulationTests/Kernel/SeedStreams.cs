namespace Fleet.SimulationTests.Kernel;

/// <summary>Independent random streams of one seed: a draw more in one leaves the others as they were.</summary>
internal static class SeedStreams
{
    public static Random Of(int seed, string stream)
    {
        // FNV-1a: string hashes differ from process to process.
        uint hash = 2166136261;
        foreach (char c in $"{seed}/{stream}") hash = (hash ^ c) * 16777619;
        return new Random((int)(hash & int.MaxValue));
    }

    /// <summary>True with this probability. A rate of 0 draws nothing.</summary>
    public static bool Chance(this Random random, double rate) => rate > 0 && random.NextDouble() < rate;

    /// <summary>Of a fault. Half of them are absent from any one seed: what is rare together is found apart.</summary>
    public static double Rate(this Random random, double most) => random.Next(2) == 0 ? 0 : Math.Round(random.NextDouble() * most, 4);

    /// <summary>Evenly between the two.</summary>
    public static TimeSpan Between(this Random random, TimeSpan least, TimeSpan most) =>
        TimeSpan.FromTicks(random.NextInt64(least.Ticks, most.Ticks + 1));

    public static TimeSpan UpTo(this Random random, double seconds) => TimeSpan.FromMilliseconds(random.Next(0, (int)(seconds * 1000) + 1));

    public static T Pick<T>(this Random random, ReadOnlySpan<T> from) => from[random.Next(from.Length)];
}
