namespace Fleet.IntegrationTests;

/// <summary>One hostile or malformed input of spec/security.md, 6.4, and what the standard has the server do about it.</summary>
/// <param name="Number">Of the row in that table.</param>
/// <param name="Section">Where the standard says so.</param>
internal sealed record HostileRow(int Number, string What, string Section)
{
    /// <summary>Sent first, and answered by CONNACK 0; null: the bytes come first.</summary>
    public string? Prelude { get; init; }
    public required byte[] Bytes { get; init; }

    /// <summary>
    /// Alternatives, each a transcript. <c>|</c> between codes where the standard leaves it open; ours is the first. One that ends with <c>open</c>
    /// means that the connection goes on and answers a ping.
    /// </summary>
    public required string[] Expected { get; init; }

    public bool Is5 => Prelude == HostileConnection.Connect5 || (Prelude is null && Bytes.AsSpan().IndexOf("MQTT\x05"u8) >= 0);

    public bool MayStayOpen => Expected.Any(e => e.EndsWith("open", StringComparison.Ordinal));

    public bool Accepts(string transcript) => Expected.Any(e => Accepts(e.Split(", "), transcript.Split(", ")));

    public override string ToString() => $"{Number} {What}{(Prelude is null ? "" : Is5 ? " (5.0)" : " (3.1.1)")}";

    private static bool Accepts(string[] expected, string[] steps) => expected.Length == steps.Length && expected.Zip(steps).All(pair =>
    {
        string[] name = pair.First.Split(' '), step = pair.Second.Split(' ');
        return name[0] == step[0] && (name.Length == 1 || (step.Length == 2 && name[1].Split('|').Contains(step[1])));
    });
}
