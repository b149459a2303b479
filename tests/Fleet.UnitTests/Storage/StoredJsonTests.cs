using System.Text.Json;
using Fleet.Grains;
using Fleet.Interfaces.Rollouts;
using Fleet.Silo.Storage;

namespace Fleet.UnitTests.Storage;

public sealed class StoredJsonTests
{
    private static readonly JsonSerializerOptions Json = StoredJson.For(GrainStateJson.Options);

    [Fact]
    public void A_record_from_before_a_member_was_added_has_null_there()
    {
        var read = JsonSerializer.Deserialize<RolloutRate>("""{"basePerMinute":50,"incrementFactor":1,"maximumPerMinute":100}""", Json);
        Assert.Equal(new RolloutRate { BasePerMinute = 50, IncrementFactor = 1, EverySucceeded = null, MaximumPerMinute = 100 }, read);
    }

    [Fact]
    public void What_cannot_be_null_is_missed_when_it_is_absent() =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<RolloutRate>("""{"basePerMinute":50,"incrementFactor":1}""", Json));
}
