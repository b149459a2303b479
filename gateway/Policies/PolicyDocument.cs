using System.Text.Json;

namespace Fleet.Gateway.Policies;

/// <summary>What a statement may speak of: the actions that MQTT needs (spec/aws-iot-topics.md, 6.2).</summary>
[Flags]
internal enum PolicyActions
{
    None = 0,
    Connect = 1,
    Publish = 2,
    RetainPublish = 4,
    Subscribe = 8,
    Receive = 16,
}

/// <param name="Resources">Patterns without the <c>arn:aws:iot:{region}:{account}:</c> in front.</param>
internal sealed record PolicyStatement(bool Allow, PolicyActions Actions, ImmutableArray<string> Resources);

/// <summary>
/// A policy document in AWS' form: spec/aws-iot-topics.md, section 6. Conditions, NotAction and NotResource are refused. Compiled once,
/// whatever the number of sessions under it.
/// </summary>
internal sealed class PolicyDocument
{
    private static readonly (string Name, PolicyActions Action)[] Known =
    [
        ("iot:Connect", PolicyActions.Connect), ("iot:Publish", PolicyActions.Publish), ("iot:RetainPublish", PolicyActions.RetainPublish),
        ("iot:Subscribe", PolicyActions.Subscribe), ("iot:Receive", PolicyActions.Receive),
    ];

    private PolicyDocument(string name, PolicyStatement[] statements)
    {
        Name = name;
        Connect = new PolicyRules(statements, PolicyActions.Connect, "client/", Variables);
        Publish = new PolicyRules(statements, PolicyActions.Publish, "topic/", Variables);
        RetainPublish = new PolicyRules(statements, PolicyActions.RetainPublish, "topic/", Variables);
        Subscribe = new PolicyRules(statements, PolicyActions.Subscribe, "topicfilter/", Variables);
        Receive = new PolicyRules(statements, PolicyActions.Receive, "topic/", Variables);
    }

    public string Name { get; }

    public PolicyVariables Variables { get; } = new();

    public PolicyRules Connect { get; }
    public PolicyRules Publish { get; }
    public PolicyRules RetainPublish { get; }
    public PolicyRules Subscribe { get; }
    public PolicyRules Receive { get; }

    /// <exception cref="FormatException">It is no policy document, or uses what is not supported yet.</exception>
    public static PolicyDocument Parse(string name, ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var statements = document.RootElement.GetProperty("Statement");
            return new(name, statements.ValueKind == JsonValueKind.Array
                ? [.. statements.EnumerateArray().Select(ParseStatement)]
                : [ParseStatement(statements)]);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException($"Policy '{name}' is not a policy document: {e.Message}", e);
        }
    }

    private static PolicyStatement ParseStatement(JsonElement statement)
    {
        foreach (string unsupported in (string[])["Condition", "NotAction", "NotResource"])
        {
            if (statement.TryGetProperty(unsupported, out _)) throw new FormatException($"{unsupported} is not supported yet.");
        }
        var actions = PolicyActions.None;
        foreach (string action in Strings(statement.GetProperty("Action"))) actions |= ActionsOf(action);
        return new(
            statement.GetProperty("Effect").GetString() switch
            {
                "Allow" => true,
                "Deny" => false,
                var other => throw new FormatException($"Effect is Allow or Deny, not '{other}'."),
            },
            actions,
            [.. Strings(statement.GetProperty("Resource")).Select(WithoutArn)]);
    }

    /// <summary>Actions take wildcards and ignore case (6.2). One that MQTT does not need matches nothing.</summary>
    private static PolicyActions ActionsOf(string text)
    {
        var variables = new PolicyVariables();
        var pattern = PolicyPattern.Compile(text.ToLowerInvariant(), variables);
        byte[][] none = variables.Fill(ImmutableDictionary<string, string>.Empty);
        var actions = PolicyActions.None;
        foreach (var (name, action) in Known)
        {
            if (pattern.Matches(System.Text.Encoding.UTF8.GetBytes(name.ToLowerInvariant()), none)) actions |= action;
        }
        return actions;
    }

    private static string WithoutArn(string resource)
    {
        if (!resource.StartsWith("arn:", StringComparison.Ordinal)) return resource;
        string[] parts = resource.Split(':', 6);
        return parts.Length == 6 ? parts[5] : throw new FormatException($"'{resource}' is not an ARN of six parts.");
    }

    private static IEnumerable<string> Strings(JsonElement value) => value.ValueKind == JsonValueKind.Array
        ? value.EnumerateArray().Select(item => item.GetString() ?? throw new FormatException("A string is missing."))
        : [value.GetString() ?? throw new FormatException("A string is missing.")];
}
