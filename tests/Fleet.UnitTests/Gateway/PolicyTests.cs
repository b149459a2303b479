using System.Text;
using Fleet.Gateway;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Gateway;

/// <summary>spec/aws-iot-topics.md, section 6.</summary>
public sealed class PolicyTests
{
    [Theory]
    [InlineData("a/*", "a/b/c", true)]
    [InlineData("a/*", "a/", true)]
    [InlineData("a/*", "a", false)]
    [InlineData("a/*/c", "a/b/b/c", true)]
    [InlineData("a/*/c", "a/b/b/d", false)]
    [InlineData("a*b*c", "aXbYbZc", true)]
    [InlineData("a?c", "abc", true)]
    [InlineData("a?c", "aéc", true)]
    [InlineData("a?c", "ac", false)]
    [InlineData("a?c", "abbc", false)]
    [InlineData("?", "😀", true)]
    [InlineData("*", "", true)]
    [InlineData("a/+/b", "a/+/b", true)]
    [InlineData("a/+/b", "a/x/b", false)]
    [InlineData("a/#", "a/b", false)]
    [InlineData("a/${*}", "a/*", true)]
    [InlineData("a/${*}", "a/b", false)]
    [InlineData("${$}aws", "$aws", true)]
    public void Wildcards_are_runs_and_single_characters_and_nothing_else_is_special(string pattern, string value, bool matches) =>
        Assert.Equal(matches, Matches(pattern, value));

    [Theory]
    [InlineData("amr-1", "t/amr-1/x", true)]
    [InlineData("amr-1", "t/amr-2/x", false)]
    [InlineData("*", "t/anything/x", false)]
    [InlineData("+", "t/+/x", false)]
    [InlineData("#", "t/#/x", false)]
    [InlineData("a?", "t/ab/x", false)]
    [InlineData("", "t//x", false)]
    [InlineData("$aws", "t/$aws/x", false)]
    public void An_unsafe_value_is_not_filled_in(string clientId, string topic, bool matches) =>
        Assert.Equal(matches, Matches("t/${iot:ClientId}/*", topic, clientId));

    [Theory]
    [InlineData("${iot:ClientId}", "amr-1", true)]
    [InlineData("${iot:ClientId}", "amr-11", false)]
    [InlineData("${iot:ClientId}/${iot:ClientId}", "amr-1/amr-1", true)]
    [InlineData("${iot:ClientId}/${iot:ClientId}", "amr-1/amr-2", false)]
    [InlineData("a/*/${iot:ClientId}/*", "a/b/c/amr-1/d", true)]
    [InlineData("a/*/${iot:ClientId}/*", "a/amr-1/amr-1/d", true)]
    [InlineData("a/*/${iot:ClientId}/*", "a/b/c/amr-2/d", false)]
    [InlineData("a/*${iot:ClientId}", "a/amr-amr-1", true)]
    [InlineData("a/*${iot:ClientId}", "a/amr-1x", false)]
    [InlineData("?${iot:ClientId}${other}", "xamr-1${other}", true)]
    [InlineData("${iot:ClientId}${", "amr-1${", true)]
    public void A_variable_is_its_value_wherever_it_stands(string pattern, string value, bool matches) =>
        Assert.Equal(matches, Matches(pattern, value, "amr-1"));

    [Fact]
    public void One_document_serves_sessions_that_see_nothing_of_each_other()
    {
        var (one, two) = (Of(GatewayParts.Device("amr-1")), Of(GatewayParts.Device("amr-2")));
        Assert.True(one.AllowsPublish("fleet/amr-1/x"u8, retain: true));
        Assert.False(one.AllowsPublish("fleet/amr-2/x"u8, retain: true));
        Assert.True(two.AllowsPublish("fleet/amr-2/x"u8, retain: true));
        Assert.False(two.AllowsPublish("fleet/amr-1/x"u8, retain: true));
    }

    [Fact]
    public void A_value_of_more_than_1024_characters_is_not_filled_in()
    {
        string name = new('x', 1_025);
        Assert.False(Matches("${iot:ClientId}", name, clientId: name));
    }

    /// <summary>The clever matcher against the obvious one.</summary>
    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void The_matcher_agrees_with_the_textbook(int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < 20_000; i++)
        {
            string pattern = Text(random, "ab*?"), value = Text(random, "ab");
            Assert.True(Textbook(pattern, value) == Matches(pattern, value), $"seed {seed}: {pattern}, {value}");
        }
    }

    [Theory]
    [InlineData("fleet/amr-1/heartbeat", true)]
    [InlineData("fleet/amr-2/heartbeat", false)]
    [InlineData("fleet/amr-10/heartbeat", false)]
    [InlineData("$aws/things/amr-1/jobs/get", true)]
    [InlineData("$aws/things/amr-2/jobs/get", false)]
    [InlineData("files/amr-1/x", true)]
    [InlineData("$aws/certificates/create/json", false)]
    [InlineData("anything", false)]
    public void A_device_has_its_own_topics(string topic, bool allowed)
    {
        var policy = Of(GatewayParts.Device("amr-1"));
        Assert.Equal(allowed, policy.AllowsPublish(Encoding.UTF8.GetBytes(topic), retain: false));
        Assert.Equal(allowed, policy.AllowsReceive(Encoding.UTF8.GetBytes(topic)));
    }

    [Theory]
    [InlineData("fleet/amr-1/#", true)]
    [InlineData("$aws/things/amr-1/jobs/+/get/+", true)]
    [InlineData("fleet/+/heartbeat", false)]
    [InlineData("fleet/#", false)]
    [InlineData("#", false)]
    public void A_device_has_its_own_filters(string filter, bool allowed) =>
        Assert.Equal(allowed, Of(GatewayParts.Device("amr-1")).AllowsSubscribe(Encoding.UTF8.GetBytes(filter)));

    [Theory]
    [InlineData("$aws/certificates/create/json", true)]
    [InlineData("$aws/certificates/create-from-csr/cbor", true)]
    [InlineData("$aws/provisioning-templates/fleet/provision/json", true)]
    [InlineData("$aws/provisioning-templates/other/provision/json", false)]
    [InlineData("$aws/things/amr-1/shadow/get", false)]
    [InlineData("fleet/amr-1/heartbeat", false)]
    public void A_claim_provisions_with_its_template_and_nothing_else(string topic, bool allowed)
    {
        var policy = Of(GatewayParts.Identity(SessionKind.Claim, "x", BuiltInPolicies.Claim, template: "fleet"));
        Assert.Equal(allowed, policy.AllowsPublish(Encoding.UTF8.GetBytes(topic), retain: false));
        Assert.False(policy.AllowsPublish(Encoding.UTF8.GetBytes(topic), retain: true));
        Assert.Equal(allowed, policy.AllowsSubscribe(Encoding.UTF8.GetBytes(topic + "/accepted")));
    }

    [Fact]
    public void A_claim_cannot_choose_its_template_by_its_client_id()
    {
        Assert.True(ThingName.TryParse("fleet", out _));
        var policy = Of(GatewayParts.Identity(SessionKind.Claim, "fleet", BuiltInPolicies.Claim, template: null));
        Assert.False(policy.AllowsPublish("$aws/provisioning-templates/fleet/provision/json"u8, retain: false));
    }

    [Theory]
    [InlineData("dev/x", true)]
    [InlineData("$aws/things/a/shadow/get", false)]
    [InlineData("$SYS/x", false)]
    public void Development_has_all_topics_but_the_services_own(string topic, bool allowed)
    {
        var policy = Of(GatewayParts.Plain());
        Assert.Equal(allowed, policy.AllowsPublish(Encoding.UTF8.GetBytes(topic), retain: true));
        Assert.Equal(allowed, policy.AllowsSubscribe(Encoding.UTF8.GetBytes(topic)));
    }

    [Theory]
    [InlineData("fleet/amr-1/command", true)]
    [InlineData("$aws/things/amr-1/shadow/update", true)]
    [InlineData("$aws/things/amr-1/jobs/j/update", false)]
    [InlineData("$aws/events/presence/connected/x", false)]
    public void An_operator_speaks_for_no_device(string topic, bool allowed) => Assert.Equal(
        allowed, Of(GatewayParts.Identity(SessionKind.Operator, "o", BuiltInPolicies.Operator)).AllowsPublish(
            Encoding.UTF8.GetBytes(topic), retain: false));

    [Fact]
    public void Deny_wins_ARNs_and_single_values_are_understood_and_actions_ignore_case()
    {
        var policy = Compile("""
            {"Version":"2012-10-17","Statement":[
              {"Effect":"Allow","Action":"IOT:pub*","Resource":"arn:aws:iot:eu-west-1:123456789012:topic/a/*"},
              {"Effect":"Deny","Action":["iot:Publish"],"Resource":["arn:aws:iot:eu-west-1:123456789012:topic/a/secret/*"]}]}
            """);
        Assert.True(policy.AllowsPublish("a/b"u8, retain: false));
        Assert.False(policy.AllowsPublish("a/secret/b"u8, retain: false));
        Assert.False(policy.AllowsPublish("b"u8, retain: false));
        Assert.False(policy.AllowsPublish("a/b"u8, retain: true));
        Assert.False(policy.AllowsReceive("a/b"u8));
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("{}")]
    [InlineData("""{"Statement":{"Effect":"Perhaps","Action":"*","Resource":"*"}}""")]
    [InlineData("""{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}}""")]
    [InlineData("""{"Statement":{"Effect":"Allow","NotAction":"*","Resource":"*"}}""")]
    public void What_is_no_policy_is_refused_rather_than_guessed(string json) =>
        Assert.Throws<FormatException>(() => PolicyDocument.Parse("test", Encoding.UTF8.GetBytes(json)));

    private static SessionPolicy Compile(string json) =>
        SessionPolicy.Fill(PolicyDocument.Parse("test", Encoding.UTF8.GetBytes(json)), new Dictionary<string, string>());

    private static SessionPolicy Of(SessionIdentity identity) => identity.Policy;

    private static bool Matches(string pattern, string value, string clientId = "")
    {
        var variables = new PolicyVariables();
        var compiled = PolicyPattern.Compile(pattern, variables);
        return compiled.Matches(
            Encoding.UTF8.GetBytes(value), variables.Fill(new Dictionary<string, string> { ["iot:ClientId"] = clientId }));
    }

    private static string Text(Random random, string alphabet) =>
        new([.. Enumerable.Range(0, random.Next(8)).Select(_ => alphabet[random.Next(alphabet.Length)])]);

    private static bool Textbook(string pattern, string value) => pattern switch
    {
        "" => value == "",
        ['*', .. var rest] => Textbook(rest, value) || (value != "" && Textbook(pattern, value[1..])),
        ['?', .. var rest] => value != "" && Textbook(rest, value[1..]),
        _ => value != "" && value[0] == pattern[0] && Textbook(pattern[1..], value[1..]),
    };
}
