using System.Text.Json;
using Fleet.Gateway.Journal;
using Fleet.Grains;
using Fleet.Grains.Devices;
using Fleet.Grains.Messaging;
using Fleet.Interfaces;

namespace Fleet.UnitTests.Messaging;

public sealed class SessionEpochTests
{
    private static readonly SessionEpoch Older = new(7), Newer = new(8);

    [Fact]
    public void Epochs_are_compared_and_none_is_older_than_any()
    {
        Assert.True(Older < Newer && Older <= Newer && Newer > Older && Newer >= Older && Older.Next == Newer);
        Assert.Equal([Older, Newer], new[] { Newer, Older }.Order());
        Assert.Equal(Newer, SessionEpoch.Later(Older, Newer));
        Assert.Equal(Newer, SessionEpoch.Later(Newer, Older));
        Assert.Equal(Older, SessionEpoch.Later(Older, null));
        Assert.Equal("SupersededSession { Key = k, Epoch = 7 }", new SupersededSession("k", Older).ToString());
    }

    [Fact]
    public void In_stored_records_an_epoch_is_a_number_as_it_was_before_it_had_a_type()
    {
        var device = Read<DeviceState>(
            """
            {"sessionEpoch":0,"session":{"sessionId":"s","gatewayId":"g","remoteAddress":"::1","connectedAt":"2026-01-01T00:00:00Z","epoch":7},
            "open":[{"number":1,"confirmingEpoch":7,"backEpoch":null}]}
            """);
        Assert.Equal((new SessionEpoch(0), Older), (device.SessionEpoch, device.Session!.Epoch));
        Assert.Equal((Older, null), (device.Open[0].ConfirmingEpoch, device.Open[0].BackEpoch));
        Assert.Equal(Newer, Read<SessionState>("""{"gateway":"g","from":null,"epochLimit":8,"will":null}""").EpochLimit);

        Assert.Equal("""{"gateway":null,"from":null,"epochLimit":8,"will":null}""", Write(new SessionState { EpochLimit = Newer }));
    }

    private static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, GrainStateJson.Options)!;

    private static string Write<T>(T state) => JsonSerializer.Serialize(state, GrainStateJson.Options);
}
