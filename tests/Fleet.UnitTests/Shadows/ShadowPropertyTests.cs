using System.Text;
using System.Text.Json.Nodes;

namespace Fleet.UnitTests.Shadows;

/// <summary>The core against a textbook on plain JSON, and against strangers.</summary>
public sealed class ShadowPropertyTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 200)];

    [Theory, MemberData(nameof(Seeds))]
    public void A_history_agrees_with_the_textbook(int seed)
    {
        var random = new Random(seed);
        var shadow = new ShadowUnderTest();
        var expected = new JsonObject();
        for (int i = 0; i < 12; i++)
        {
            var section = random.Next(2) == 0 ? "desired" : "reported";
            var patch = RandomObject(random, depth: 3);
            shadow.Now++;
            shadow.Accept($$$"""{"state":{"{{{section}}}":{{{patch.ToJsonString()}}}}}""");
            if (Textbook.Merge(expected[section] as JsonObject, patch) is { } merged) expected[section] = merged;
            else expected.Remove(section);
            shadow.State = ShadowUpdateTests.Reload(shadow.State);

            var state = shadow.Get()["state"]!.AsObject();
            var delta = state["delta"];
            Assert.True(JsonNode.DeepEquals(expected["desired"], state["desired"]) && JsonNode.DeepEquals(expected["reported"], state["reported"]), $"seed {seed}, step {i}");
            // What a device does with a delta: laid onto reported, nothing is left to do.
            if (delta is null) continue;
            shadow.Accept($$$"""{"state":{"reported":{{{delta.ToJsonString()}}}}}""");
            Assert.False(shadow.Has("update/delta"), $"seed {seed}, step {i}");
            expected["reported"] = shadow.Get()["state"]!["reported"]?.DeepClone();
        }
    }

    [Theory, MemberData(nameof(Seeds))]
    public void A_strange_body_is_accepted_or_rejected_and_there_is_no_third_outcome(int seed)
    {
        var random = new Random(seed);
        var shadow = new ShadowUnderTest();
        byte[] good = Encoding.UTF8.GetBytes("""{"state":{"desired":{"a":[1,{"b":"\u00e9\ud83d\ude00"}],"n":-1.5e3},"reported":null},"version":1,"clientToken":"t"}""");
        for (int i = 0; i < 100; i++)
        {
            byte[] body = [.. good];
            for (int change = random.Next(1, 6); change > 0; change--)
            {
                int at = random.Next(body.Length);
                body = random.Next(3) switch
                {
                    0 => [.. body[..at], .. body[Math.Min(body.Length, at + random.Next(1, 9))..]],
                    1 => [.. body[..at], (byte)random.Next(256), .. body[at..]],
                    _ => [.. body[..at], .. "{}[]:,\"\\u0dnul1e"u8.Slice(random.Next(15), 1), .. body[Math.Min(body.Length, at + 1)..]],
                };
                if (body.Length == 0) break;
            }
            var answers = shadow.Update(body);
            Assert.True(answers.Length is >= 1 and <= 3, $"seed {seed}");
            Assert.All(answers, answer => JsonNode.Parse(answer.Payload.Span));
            _ = shadow.GetAnswer(Encoding.Latin1.GetString(body));
        }
    }

    private static JsonObject RandomObject(Random random, int depth)
    {
        var made = new JsonObject();
        for (int members = random.Next(1, 4); members > 0; members--) made["abc"[random.Next(3)].ToString()] = RandomValue(random, depth);
        return made;
    }

    private static JsonNode? RandomValue(Random random, int depth) => random.Next(depth > 0 ? 8 : 5) switch
    {
        0 => null,
        1 => random.Next(3),
        2 => "xyz"[random.Next(3)].ToString(),
        3 => random.Next(2) == 0,
        4 => new JsonArray(random.Next(2), "x"),
        5 => new JsonObject(),
        _ => RandomObject(random, depth - 1),
    };

    private static class Textbook
    {
        /// <summary>Null when nothing is left.</summary>
        public static JsonObject? Merge(JsonObject? stored, JsonObject patch)
        {
            var result = (JsonObject?)stored?.DeepClone() ?? [];
            foreach (var (name, value) in patch)
            {
                var next = value switch
                {
                    null or JsonObject { Count: 0 } => null,
                    JsonObject inner => Merge(result[name] as JsonObject, inner),
                    _ => value.DeepClone(),
                };
                result.Remove(name);
                if (next is not null) result[name] = next;
            }
            return result.Count == 0 ? null : result;
        }
    }
}
