namespace Fleet.IntegrationTests;

/// <summary>Every row of spec/security.md, 6.4, that is one burst of bytes: the answer is the standard's, nothing is forwarded, others are served.</summary>
public abstract class HostilePacketTests(HostileFleet fleet)
{
    public static TheoryData<string> Rows => [.. HostileRows.All.Select(r => r.ToString())];

    [Theory, MemberData(nameof(Rows))]
    public async Task Is_answered_as_the_standard_says(string row)
    {
        var hostile = HostileRows.All.Single(r => r.ToString() == row);
        await using var connection = await HostileConnection.Open(fleet.Port, hostile.Is5);
        if (hostile.Prelude is { } connect)
        {
            await connection.Send(connect);
            Assert.Equal("connack 00", (await connection.Next()).Words);
        }
        await connection.Send(hostile.Bytes);
        if (hostile.MayStayOpen) await connection.Ping();
        string transcript = await connection.Transcript();
        Assert.True(hostile.Accepts(transcript), $"{row} ({hostile.Section}): {transcript} instead of {string.Join(" or ", hostile.Expected)}");
        Assert.Empty(await fleet.Heard());
    }
}

[Collection(nameof(HostileFleetOnAuto))]
public sealed class HostilePacketTestsOnAuto(HostileFleetOnAuto fleet) : HostilePacketTests(fleet);

[Collection(nameof(HostileFleetOnKestrel))]
public sealed class HostilePacketTestsOnKestrel(HostileFleetOnKestrel fleet) : HostilePacketTests(fleet);
