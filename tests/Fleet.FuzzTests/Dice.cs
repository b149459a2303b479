namespace Fleet.FuzzTests;

/// <summary>Chance from a seed, with an eye for the odd.</summary>
internal sealed class Dice(int seed)
{
    private readonly Random _random = new(seed);

    public int Below(int limit) => _random.Next(limit);

    /// <param name="percent">0 to 100.</param>
    public bool Rarely(double percent) => _random.NextDouble() * 100 < percent;

    public T Of<T>(params ReadOnlySpan<T> choices) => choices[_random.Next(choices.Length)];

    public byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }

    public uint Any32() => (uint)_random.NextInt64(1L << 32);
}
