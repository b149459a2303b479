namespace Fleet.Load;

/// <summary>
/// How much memory does a connection take that is open and quiet? Growth of the resident set by the connection; its session and its device included,
/// unless it stops before CONNECT ("--mqtt 0").
/// </summary>
internal sealed class IdleScenario(Run run, Side side) : IScenario
{
    private readonly bool _mqtt = run.Number("mqtt", 1) != 0;
    private int _open;

    /// <summary>One server after the other.</summary>
    public static async Task Execute(Run run)
    {
        foreach (var side in run.Sides) await new IdleScenario(run, side).Measure();
    }

    private async Task Measure()
    {
        // The first few bring in code and tables that the others share.
        int first = run.Number("first", 50);
        await run.OpenAll(this, first, () => Volatile.Read(ref _open), run.Connections, side: side);
        await Run.Wait(2);
        var (before, beforeAnonymous) = (side.Server.ResidentKiB(), side.Server.AnonymousKiB());
        Volatile.Write(ref _open, 0);
        await run.OpenAll(this, run.Connections, () => Volatile.Read(ref _open), side: side);
        await Run.Wait(run.Seconds);
        double after = side.Server.ResidentKiB();
        Run.Print(
            ("kib_per_connection", (after - before) / run.Connections),
            ("anonymous_kib_per_connection", (side.Server.AnonymousKiB() - beforeAnonymous) / run.Connections), ("resident_kib", after));
    }

    public void Opened(Client client)
    {
        if (_mqtt) client.SendConnect(Devices.ThingOf(client.Number));
        else Interlocked.Increment(ref _open);
    }

    public void Received(Client client, byte header, ReadOnlySpan<byte> body)
    {
        if (header == 0x20 && body[1] == 0) Interlocked.Increment(ref _open);
    }

    public void ReadOver(Client client)
    {
    }

    public void Closed(Client client) => throw new InvalidDataException($"The server closed connection {client.Number}.");
}
