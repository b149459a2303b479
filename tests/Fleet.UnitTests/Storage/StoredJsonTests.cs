using System.Text.Json;
using Fleet.Grains;
using Fleet.Interfaces.Rollouts;
using Fleet.Silo.Storage;

namespace Fleet.UnitTests.Storage;

public sealed class StoredJsonTests
{
    private static readonly JsonSerializerOptions Json = StoredJson.For(GrainStateJson.Options);

    [Fact]
    public void A_null_that_was_left_out_is_null_again()
    {
        var rate = new RolloutRate { BasePerMinute = 50, IncrementFactor = 1, EverySucceeded = null, MaximumPerMinute = 100 };
        string text = JsonSerializer.Serialize(rate, Json);
        Assert.DoesNotContain("everySucceeded", text, StringComparison.Ordinal);
        Assert.Equal(rate, JsonSerializer.Deserialize<RolloutRate>(text, Json));
    }

    [Fact]
    public void What_cannot_be_null_is_missed_when_it_is_absent() =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<RolloutRate>("""{"basePerMinute":50,"incrementFactor":1}""", Json));
}
