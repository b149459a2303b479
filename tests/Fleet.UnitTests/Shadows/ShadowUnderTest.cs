using System.Text;
using System.Text.Json.Nodes;
using Fleet.Grains.Shadows;
using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;

namespace Fleet.UnitTests.Shadows;

/// <summary>A shadow without a grain: updates it, and keeps the answers as text.</summary>
internal sealed class ShadowUnderTest(string key = "amr-1")
{
    private readonly ShadowAddress _address = ShadowAddress.Parse(key);

    public ShadowState State { get; set; } = new();

    /// <summary>Epoch seconds.</summary>
    public long Now { get; set; } = 1_700_000_000;

    public ImmutableArray<TopicMessage> Answers { get; private set; } = [];

    /// <summary>Of the session that speaks.</summary>
    public SessionEpoch? SessionEpoch { get; set; }

    public ImmutableArray<TopicMessage> Update(string json) => Update(Encoding.UTF8.GetBytes(json));

    public ImmutableArray<TopicMessage> Update(byte[] body)
    {
        var decision = ShadowCore.Update(State, _address, body, DateTimeOffset.FromUnixTimeSeconds(Now), SessionEpoch);
        State = decision.Next ?? State;
        return Answers = decision.Answers;
    }

    /// <summary>The update's accepted body; fails if it was rejected.</summary>
    public JsonNode Accept(string json)
    {
        Update(json);
        return Body("update/accepted");
    }

    /// <summary>The rejected body; fails if there is any other answer, or the state changed.</summary>
    public JsonNode Reject(string json) => Reject(Encoding.UTF8.GetBytes(json));

    public JsonNode Reject(byte[] body)
    {
        var before = State;
        Update(body);
        Assert.Same(before, State);
        Assert.Single(Answers);
        return Body("update/rejected");
    }

    public TopicMessage GetAnswer(string json = "") => ShadowCore.Get(State, _address, Encoding.UTF8.GetBytes(json), DateTimeOffset.FromUnixTimeSeconds(Now));

    public JsonNode Get(string json = "")
    {
        var answer = GetAnswer(json);
        Assert.EndsWith("/shadow/get/accepted", answer.Topic, StringComparison.Ordinal);
        return JsonNode.Parse(answer.Payload.Span)!;
    }

    public bool Has(string operation) => Answers.Any(a => a.Topic == _address.Topic(operation));

    public JsonNode Body(string operation) => JsonNode.Parse(Text(operation))!;

    public string Text(string operation) =>
        Encoding.UTF8.GetString(Assert.Single(Answers, a => a.Topic == _address.Topic(operation)).Payload.Span);

    /// <summary>An update of one section.</summary>
    /// <param name="more">More members of the request, each with its comma in front.</param>
    public static string Section(string section, string json, string more = "") => "{\"state\":{\"" + section + "\":" + json + "}" + more + "}";

    public static void Same(string expected, JsonNode? actual) => Assert.Equal(JsonNode.Parse(expected)!.ToJsonString(), actual?.ToJsonString());
}
