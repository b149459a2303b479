using System.Security.Cryptography;
using System.Text;
using Fleet.Grains.Rules;
using Fleet.Interfaces.Rules;

namespace Fleet.UnitTests.Rules;

/// <summary>The whole way from a queue in a database to an HTTP server, with failures, retries, dead letters, replays and restarts.</summary>
public sealed class RuleGrainTests : IAsyncLifetime
{
    private const string Secret = "0123456789abcdef";

    private readonly List<Gateway> _gateways = [];
    private RulesUnderTest _rules = null!;
    private HttpReceiver _receiver = null!;

    public async ValueTask InitializeAsync() => (_rules, _receiver) = (await RulesUnderTest.Start(), await HttpReceiver.Start());

    public async ValueTask DisposeAsync()
    {
        await _rules.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task A_message_is_posted_signed_and_gone()
    {
        await _rules.Make(Given.Webhook(_receiver.Url + "/hook", Secret));
        string id = await _rules.Publish("hello");
        var request = await _receiver.Next();
        Assert.Equal(("/hook", "hello", id, "1", "factory/1", "amr-7", "telemetry"),
            (request.Path, request.Body, request["Fleet-Message-Id"], request["Fleet-Attempt"], request["Fleet-Topic"], request["Fleet-Client-Id"], request["Fleet-Rule"]));
        Assert.True(IsSigned(request));
        var status = await _rules.Until(s => s.Queued == 0);
        Assert.Equal((1, 0, 0, 0), (status.Delivered, status.Failed, status.DeadLetters, status.InFlight));
    }

    [Fact]
    public async Task What_fails_comes_again_with_the_same_id_until_it_is_taken()
    {
        int attempts = 0;
        _receiver.Answer = (_, context) =>
        {
            context.Response.StatusCode = ++attempts < 3 ? 503 : 204;
            return Task.CompletedTask;
        };
        await _rules.Make(Given.Webhook(_receiver.Url) with { MaxAttempts = 5 });
        string id = await _rules.Publish("hello");
        List<HttpReceiver.Received> requests = [await _receiver.Next()];
        var waits = await _rules.Until(s => s.LastError is not null);
        Assert.Equal(("HTTP 503", 1), (waits.LastError, waits.Queued));
        await _rules.InTime(s => s.Delivered == 1);
        requests.AddRange(await _receiver.Next(2));
        Assert.Equal(["1", "2", "3"], requests.Select(r => r["Fleet-Attempt"]));
        Assert.All(requests, r => Assert.Equal(id, r["Fleet-Message-Id"]));
    }

    [Fact]
    public async Task What_is_refused_is_a_dead_letter_and_can_be_replayed()
    {
        _receiver.Answer = async (_, context) =>
        {
            context.Response.StatusCode = 422;
            await context.Response.Body.WriteAsync("no\u0000such field"u8.ToArray());
        };
        await _rules.Make(Given.Webhook(_receiver.Url));
        string id = await _rules.Publish("hello");
        await _rules.Until(s => s.DeadLetters == 1);
        var letter = Assert.Single(await _rules.Store.ListDeadLetters(Given.Rule, null, 10));
        Assert.Equal((id, "HTTP 422: no such field", 1), (letter.Id, letter.Error, letter.Attempts));
        Assert.Equal("1", (await _receiver.Next())["Fleet-Attempt"]);

        _receiver.Answer = HttpReceiver.Status(200);
        Assert.Equal(0, await _rules.Rule.Replay("no-such"));
        Assert.Equal(1, await _rules.Rule.Replay(id));
        Assert.Equal((id, "1", "hello"), await _receiver.Next() is var again ? (again["Fleet-Message-Id"], again["Fleet-Attempt"], again.Body) : default);
        var status = await _rules.Until(s => s.Delivered == 1);
        Assert.Equal((0, 0, 1), (status.Queued, status.DeadLetters, status.Failed));
    }

    [Fact]
    public async Task A_redirection_leads_nowhere()
    {
        _receiver.Answer = (_, context) =>
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = "/elsewhere";
            return Task.CompletedTask;
        };
        await _rules.Make(Given.Webhook(_receiver.Url + "/hook"));
        await _rules.Publish("hello");
        await _rules.Until(s => s.DeadLetters == 1);
        Assert.Equal("/hook", (await _receiver.Next()).Path);
        Assert.Single(_receiver.MessageIds);
    }

    [Fact]
    public async Task No_answer_in_time_is_a_failure_like_any_other()
    {
        var answered = new TaskCompletionSource();
        _receiver.Answer = async (_, context) => await Task.WhenAny(answered.Task, Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        await _rules.Make(Given.Webhook(_receiver.Url) with { MaxAttempts = 1, Timeout = TimeSpan.FromSeconds(2) });
        await _rules.Publish("hello");
        await _rules.Until(_ => _receiver.MessageIds.Count == 1);
        await _rules.Until(s => s.DeadLetters == 1, _ => _rules.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.Equal("There was no answer within 2 s.", (await _rules.Store.ListDeadLetters(Given.Rule, null, 1))[0].Error);
        answered.SetResult();
    }

    [Fact]
    public async Task A_receiver_that_is_not_there_gets_its_messages_when_it_is()
    {
        await _receiver.DisposeAsync();
        await _rules.Make(Given.Webhook(_receiver.Url) with { MaxAttempts = 100 });
        for (int i = 0; i < 20; i++) await _rules.Publish($"{i}");
        var paused = await _rules.Until(s => s.PausedUntil is not null);
        Assert.Equal((20, 0), (paused.Queued, paused.Failed));
        _receiver = await HttpReceiver.Start();
        // An operator who mends the rule does not wait for the end of the pause.
        await _rules.Make(Given.Webhook(_receiver.Url) with { MaxAttempts = 100 });
        await _rules.InTime(s => s.Delivered == 20);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"{i}").Order(), (await _receiver.Next(20)).Select(r => r.Body).Order());
    }

    [Fact]
    public async Task A_kill_in_the_middle_loses_nothing()
    {
        var gate = new SemaphoreSlim(0);
        _receiver.Answer = (_, context) => gate.WaitAsync(context.RequestAborted);
        await _rules.Make(Given.Webhook(_receiver.Url) with { Concurrency = 4 });
        for (int i = 0; i < 30; i++) await _rules.Publish($"{i}");
        await _rules.Until(s => s.InFlight == 4);
        gate.Release(10);
        await _rules.Until(s => s.Delivered >= 8);
        await _rules.Kill();

        // Nobody wakes it: whatever activates it does, the reminder at the latest.
        gate.Release(1_000);
        _rules.Time.Advance(TimeSpan.FromMinutes(1));
        await _rules.InTime(s => s.Queued == 0);
        Assert.Equal(30, _receiver.MessageIds.Distinct().Count());
        Assert.InRange(_receiver.MessageIds.Count, 30, 30 + 4 + 4);
    }

    [Fact]
    public async Task A_disabled_rule_keeps_its_queue_and_a_deleted_one_nothing()
    {
        await _rules.Make(Given.Webhook(_receiver.Url));
        Assert.IsType<RuleResult.Stored>(await _rules.Rule.SetEnabled(false));
        await _rules.Publish("waits");
        Assert.Equal(1, (await _rules.Rule.GetStatus())!.Queued);
        Assert.Empty((await _rules.Registry.Watch(Reference(new Gateway()), -1))!.Rules);
        await _rules.Rule.SetEnabled(true);
        Assert.Equal("waits", (await _receiver.Next()).Body);

        await _rules.Rule.SetEnabled(false);
        await _rules.Publish("never");
        Assert.IsType<RuleResult.Deleted>(await _rules.Rule.Delete(null));
        Assert.Null(await _rules.Rule.Get());
        Assert.Null(await _rules.Rule.GetStatus());
        Assert.Null(await _rules.Store.GetBacklog(Given.Rule));
        Assert.IsType<RuleResult.NotFound>(await _rules.Rule.Delete(null));
        var again = await _rules.Make(Given.Webhook(_receiver.Url));
        Assert.Equal((6, 0), (again.Version, (await _rules.Rule.GetStatus())!.Queued));
    }

    [Fact]
    public async Task Gateways_hear_of_a_change_before_the_operator_does()
    {
        var gateway = new Gateway();
        var reference = Reference(gateway);
        var table = await _rules.Registry.Watch(reference, -1);
        Assert.Empty(table!.Rules);
        Assert.Null(await _rules.Registry.Watch(reference, table.Version));
        await _rules.Make(Given.Webhook(_receiver.Url));
        Assert.Equal((Given.Rule, 1, "factory/#"), gateway.Last!.Rules.Single() is var rule ? (rule.Name, rule.Version, rule.TopicFilter) : default);
        await _rules.Rule.Delete(null);
        Assert.Empty(gateway.Last.Rules);

        // One that has gone silent is told nothing more, and asks for what it missed when it is back.
        _rules.Time.Advance(RuleWatching.Every * 4);
        await _rules.Make(Given.Webhook(_receiver.Url));
        Assert.Empty(gateway.Last.Rules);
        Assert.Single((await _rules.Registry.Watch(reference, gateway.Last.Version))!.Rules);
        await _rules.Kill();
        Assert.Single((await _rules.Registry.Watch(Reference(new Gateway()), -1))!.Rules);
    }

    [Fact]
    public async Task Old_dead_letters_are_deleted()
    {
        _receiver.Answer = HttpReceiver.Status(400);
        await _rules.Make(Given.Webhook(_receiver.Url));
        await _rules.Publish("x");
        await _rules.Until(s => s.DeadLetters == 1);
        _rules.Time.Advance(TimeSpan.FromDays(15));
        await _rules.Until(s => s.DeadLetters == 0, _ => _rules.Time.Advance(TimeSpan.FromMinutes(1)));
    }

    private IRuleObserver Reference(Gateway gateway)
    {
        // Observers are held weakly, and one that was collected never answers.
        _gateways.Add(gateway);
        return _rules.Grains.CreateObjectReference<IRuleObserver>(gateway);
    }

    private static bool IsSigned(HttpReceiver.Received request)
    {
        string[] parts = request["Fleet-Signature"].Split(',');
        string expected = Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.UTF8.GetBytes($"{parts[0][2..]}.{request.Body}")));
        return parts is [var time, var signature] && time.StartsWith("t=", StringComparison.Ordinal) && signature == $"v1={expected}";
    }

    private sealed class Gateway : IRuleObserver
    {
        public RuleTable? Last { get; private set; }

        public Task RulesChanged(RuleTable rules)
        {
            Last = rules;
            return Task.CompletedTask;
        }
    }
}
