using System.Text;
using System.Text.Json.Nodes;
using Fleet.Gateway;
using Fleet.Gateway.AwsTopics;
using Fleet.Gateway.Downloads;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Fleet.UnitTests.Gateway;

/// <summary>spec/aws-iot-topics.md, section 2: what a device asks and, byte for byte, what it reads.</summary>
public sealed class JobTopicsTests
{
    private const string Jobs = "$aws/things/amr-1/jobs";
    private const string Url = "https://fleet.example/files/amr-1/fw-1/0?expires=1767355200&signature=";
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly GatewayParts _parts = new();
    private readonly StubGrains _grains = new();
    private readonly JobMessages _messages;
    private readonly JobTopics _topics;
    private readonly TestClient _device;

    public JobTopicsTests()
    {
        var address = new PublicAddress(
            Options.Create(new DownloadOptions { PublicUrl = new Uri("https://fleet.example/") }), new GatewayListeners(),
            new ServiceCollection().BuildServiceProvider(), new ConfigurationBuilder().Build());
        _messages = new JobMessages(new DownloadUrls(new ZeroKey(), address));
        _topics = new JobTopics(_grains, _messages, _parts.Clock);
        _device = TestClient.Connected(_parts, GatewayParts.Device("amr-1"));
    }

    [Fact]
    public async Task Start_next_hands_out_the_document_as_it_is_with_a_URL_that_stays_the_same()
    {
        _grains.On<IDeviceGrain>("StartNextJob", (_, _) => Task.FromResult<JobExecution?>(Execution()));
        string first = await Ask($"{Jobs}/start-next", """{"clientToken":"c-1"}""");
        string signature = first[(first.IndexOf("signature=", StringComparison.Ordinal) + 10)..][..64];
        Assert.Equal(OneLine($$$$"""
            {{{{Jobs}}}}/start-next/accepted={"clientToken":"c-1","timestamp":1767268800,
            "execution":{"jobId":"j-1","status":"IN_PROGRESS","statusDetails":{"step":"downloading"},
            "queuedAt":1767268200,"startedAt":1767268260,"lastUpdatedAt":1767268320,"versionNumber":3,"executionNumber":2,
            "jobDocument":{"b":1.50,"a":[1,2],"url":"{{{{Url}}}}{{{{signature}}}}"}}}
            """), first);
        Assert.Equal(first, await Ask($"{Jobs}/start-next", """{"clientToken":"c-1"}"""));
    }

    [Fact]
    public async Task Nothing_pending_is_accepted_without_execution()
    {
        _grains.On<IDeviceGrain>("StartNextJob", (_, _) => Task.FromResult<JobExecution?>(null))
            .On<IDeviceGrain>("DescribeJob", (_, arguments) => Task.FromResult<DescribeJobResult>(
                arguments[0] is null ? new DescribeJobResult.Found(null) : new DescribeJobResult.NotFound()));
        Assert.Equal($$"""{{Jobs}}/start-next/accepted={"timestamp":1767268800}""", await Ask($"{Jobs}/start-next", ""));
        Assert.Equal($$"""{{Jobs}}/$next/get/accepted={"clientToken":"t","timestamp":1767268800}""",
            await Ask($"{Jobs}/$next/get", """{"clientToken":"t"}"""));
        Assert.Equal(
            $$"""{{Jobs}}/j-9/get/rejected={"code":"ResourceNotFound","message":"This thing has no job 'j-9'.","timestamp":1767268800}""",
            await Ask($"{Jobs}/j-9/get", "{}"));
    }

    [Fact]
    public async Task Pending_jobs_are_two_lists_of_summaries()
    {
        var queued = Execution() with { Status = JobExecutionStatus.Queued, StartedAt = null, VersionNumber = 1 };
        _grains.On<IDeviceGrain>("GetPendingJobs", (_, _) => Task.FromResult(new PendingJobs([], [queued])));
        Assert.Equal(OneLine($$"""
            {{Jobs}}/get/accepted={"clientToken":"x","timestamp":1767268800,"inProgressJobs":[],
            "queuedJobs":[{"jobId":"j-1","queuedAt":1767268200,"lastUpdatedAt":1767268320,"versionNumber":1,"executionNumber":2}]}
            """), await Ask($"{Jobs}/get", """{"clientToken":"x"}"""));
    }

    [Fact]
    public async Task An_update_answers_with_what_was_asked_for()
    {
        UpdateJob? update = null;
        _grains.On<IDeviceGrain>("UpdateJob", (_, arguments) =>
        {
            update = (UpdateJob)arguments[0]!;
            return Task.FromResult<UpdateJobResult>(new UpdateJobResult.Accepted(Execution()));
        });
        Assert.Equal(
            $$"""{{Jobs}}/j-1/update/accepted={"timestamp":1767268800}""", await Ask($"{Jobs}/j-1/update", """{"status":"IN_PROGRESS"}"""));
        Assert.Null(update!.StatusDetails);
        string full = await Ask($"{Jobs}/j-1/update", OneLine("""
            {"status":"FAILED","statusDetails":{"reason":"no"},"expectedVersion":"2","executionNumber":2,
            "includeJobExecutionState":true,"stepTimeoutInMinutes":-1}
            """));
        Assert.Equal(OneLine($$$"""
            {{{Jobs}}}/j-1/update/accepted={"timestamp":1767268800,
            "executionState":{"status":"IN_PROGRESS","statusDetails":{"step":"downloading"},"versionNumber":3}}
            """), full);
        Assert.Equal((JobExecutionStatus.Failed, 2, 2, "no"),
            (update.Status, update.ExpectedVersion, update.ExecutionNumber, update.StatusDetails!["reason"]));
    }

    [Fact]
    public async Task The_two_conflicts_carry_the_state()
    {
        _grains.On<IDeviceGrain>(
            "UpdateJob", (_, arguments) => Task.FromResult<UpdateJobResult>(((UpdateJob)arguments[0]!).ExpectedVersion is null
            ? new UpdateJobResult.InvalidTransition(
                Execution() with { Status = JobExecutionStatus.Canceled, StatusDetails = ImmutableSortedDictionary<string, string>.Empty })
            : new UpdateJobResult.VersionMismatch(Execution())));
        Assert.Equal(OneLine($$$"""
            {{{Jobs}}}/j-1/update/rejected={"code":"InvalidStateTransition",
            "message":"The execution is CANCELED and cannot become SUCCEEDED.","clientToken":"c",
            "timestamp":1767268800,"executionState":{"status":"CANCELED","versionNumber":3}}
            """), await Ask($"{Jobs}/j-1/update", """{"status":"SUCCEEDED","clientToken":"c"}"""));
        Assert.Contains("\"code\":\"VersionMismatch\"", await Ask($"{Jobs}/j-1/update", """{"status":"SUCCEEDED","expectedVersion":1}"""),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("update/x", "{}", "InvalidTopic")]
    [InlineData("j-1/update", """{"status":"FAILED","statusDetails":{"reason":"a\u0000"}}""", "InvalidRequest")]
    [InlineData("j-1/get", """{"clientToken":"a\u0000"}""", "InvalidRequest")]
    [InlineData("start-next", """{"anything":{"a\u0000":1}}""", "InvalidRequest")]
    [InlineData("j-1/get", """{"clientToken":"\ud800"}""", "InvalidRequest")]
    [InlineData("j-1/update", """{"status":"FAILED","statusDetails":{"reason":"\udc00\ud800"}}""", "InvalidRequest")]
    [InlineData("start-next", """{"\ud800client":1}""", "InvalidRequest")]
    [InlineData("j-1/update", "{nonsense", "InvalidJson")]
    [InlineData("j-1/update", "[]", "InvalidJson")]
    [InlineData("j-1/update", "{}", "InvalidRequest")]
    [InlineData("j-1/update", """{"status":"QUEUED"}""", "InvalidRequest")]
    [InlineData("j-1/update", """{"status":"CANCELED"}""", "InvalidRequest")]
    [InlineData("j-1/update", """{"status":"FAILED","expectedVersion":"two"}""", "InvalidRequest")]
    [InlineData("j-1/update", """{"status":"FAILED","executionNumber":0}""", "InvalidRequest")]
    [InlineData("j-1/update", """{"status":"FAILED","stepTimeoutInMinutes":0}""", "InvalidRequest")]
    [InlineData("j-1/update", """{"status":"FAILED","stepTimeoutInMinutes":10081}""", "InvalidRequest")]
    [InlineData("j-1/update", """{"status":"FAILED","statusDetails":{"a b":"x"}}""", "InvalidRequest")]
    [InlineData("j-1/update", """{"status":"FAILED","statusDetails":{"a":""}}""", "InvalidRequest")]
    [InlineData("j-1/update", """{"status":"FAILED","statusDetails":{"a":"line\nline"}}""", "InvalidRequest")]
    [InlineData("j-1/update", """{"status":"FAILED","statusDetails":{"a":1}}""", "InvalidRequest")]
    [InlineData("j-1/update", """{"status":"FAILED","includeJobDocument":"yes"}""", "InvalidRequest")]
    [InlineData("j 1/update", """{"status":"FAILED"}""", "InvalidRequest")]
    [InlineData("start-next", """{"clientToken":"01234567890123456789012345678901234567890123456789012345678901234"}""", "InvalidRequest")]
    [InlineData("get", """{"clientToken":7}""", "InvalidRequest")]
    public async Task A_bad_request_is_told_and_no_grain_is_asked(string operation, string body, string code)
    {
        string answer = await Ask($"{Jobs}/{operation}", body);
        Assert.StartsWith($"{Jobs}/{operation}/rejected=", answer, StringComparison.Ordinal);
        Assert.Equal(code, (string?)JsonNode.Parse(answer[(answer.IndexOf('=', StringComparison.Ordinal) + 1)..])!["code"]);
        Assert.Empty(_grains.Calls);
    }

    [Fact]
    public async Task A_grain_that_fails_is_an_InternalError()
    {
        _grains.On<IDeviceGrain>("GetPendingJobs", (_, _) => throw new TimeoutException());
        await Assert.ThrowsAsync<TimeoutException>(() => Ask($"{Jobs}/get", """{"clientToken":"x"}"""));
        Assert.StartsWith(
            $$"""{{Jobs}}/get/rejected={"code":"InternalError",""", Assert.Single(_device.ReadMessages()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answers_go_to_the_requester_alone_subscribed_or_not_in_one_copy()
    {
        _grains.On<IDeviceGrain>("StartNextJob", (_, _) => Task.FromResult<JobExecution?>(null));
        var listener = TestClient.Connected(
            _parts, GatewayParts.Identity(SessionKind.Operator, "o", Fleet.Gateway.Policies.BuiltInPolicies.Operator));
        listener.Subscribed("$aws/things/+/jobs/#");
        Assert.DoesNotContain("q1", await Ask($"{Jobs}/start-next", ""), StringComparison.Ordinal);
        _device.Subscribed($"{Jobs}/start-next/+", Qos.AtLeastOnce);
        Assert.EndsWith(" q1#1", await Ask($"{Jobs}/start-next", ""), StringComparison.Ordinal);
        Assert.Empty(listener.ReadMessages());
    }

    [Fact]
    public void Notifications_are_ordinary_messages()
    {
        Assert.True(ThingName.TryParse("amr-1", out var thing));
        _device.Subscribed($"{Jobs}/notify");
        _device.Subscribed($"{Jobs}/notify-next");
        var running = Execution();
        var queued = Enumerable.Range(0, 12).Select(
            i => running with { Status = JobExecutionStatus.Queued, StartedAt = null }).ToImmutableArray();
        var notifier = new JobNotifier(_parts.Broker, _messages);
        notifier.Publish(new JobNotification(thing, new PendingJobs([running], queued), SendNext: false, Next: null, Noon));
        notifier.Publish(new JobNotification(thing, new PendingJobs([], []), SendNext: true, Next: null, Noon));
        notifier.Publish(new JobNotification(thing, null, SendNext: true, Next: running, Noon));
        var messages = _device.ReadMessages();
        var jobs = JsonNode.Parse(messages[0][(Jobs.Length + 8)..])!["jobs"]!;
        Assert.Equal((1, 9), (jobs["IN_PROGRESS"]!.AsArray().Count, jobs["QUEUED"]!.AsArray().Count));
        Assert.Equal($$$"""{{{Jobs}}}/notify={"timestamp":1767268800,"jobs":{}}""", messages[1]);
        Assert.Equal($$"""{{Jobs}}/notify-next={"timestamp":1767268800}""", messages[2]);
        Assert.StartsWith($$$"""{{{Jobs}}}/notify-next={"timestamp":1767268800,"execution":{"jobId":"j-1","status":"IN_PROGRESS",""",
            messages[3], StringComparison.Ordinal);
    }

    private async Task<string> Ask(string topic, string body)
    {
        Assert.True(ReservedTopic.TryParse(Encoding.UTF8.GetBytes(topic), out var reserved), topic);
        await _topics.Handle(new ReservedRequest(reserved, Encoding.UTF8.GetBytes(body)),
            new Requester(_device.Session, _device.Session.Identity, _device, () => Task.CompletedTask));
        return Assert.Single(_device.ReadMessages());
    }

    private static string OneLine(string text) => text.ReplaceLineEndings("");

    private static JobExecution Execution()
    {
        Assert.True(
            JobId.TryParse("j-1", out var job) & ThingName.TryParse("amr-1", out var thing) & StreamId.TryParse("fw-1", out var stream));
        return new JobExecution
        {
            JobId = job,
            Thing = thing,
            ExecutionNumber = 2,
            VersionNumber = 3,
            Status = JobExecutionStatus.InProgress,
            Stage = JobStage.Downloading,
            Outcome = null,
            StatusDetails = ImmutableSortedDictionary<string, string>.Empty.Add("step", "downloading"),
            QueuedAt = Noon.AddMinutes(-10),
            StartedAt = Noon.AddMinutes(-9),
            LastUpdatedAt = Noon.AddMinutes(-8),
            Document = """{"b":1.50,"a":[1,2],"url":"${fleet:download-url}"}""",
            DownloadUntil = Noon.AddDays(1),
            Stream = stream,
        };
    }

    private sealed class ZeroKey : IDownloadKey
    {
        public ReadOnlySpan<byte> Key => new byte[32];
    }
}
