using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.AwsTopics;

/// <summary>
/// <c>$aws/things/{thing}/jobs/…</c>: spec/aws-iot-topics.md, section 2. Answers go to the requesting connection alone, whether it
/// subscribed or not.
/// </summary>
internal sealed class JobTopics(IGrainFactory grains, JobMessages messages, GatewayClock clock) : IRequestHandler
{
    private const string NextJob = "$next";
    private const int MaxDetails = 20, MaxDetailCharacters = 1_024, MaxDetailName = 128;

    public TopicFamily Family => TopicFamily.Jobs;

    public async ValueTask Handle(ReservedRequest request, Requester requester)
    {
        using var fields = RequestFields.Parse(request.Payload, out string? invalidJson);
        fields.ReadClientToken();
        var call = new Call(request.Topic, requester, fields, clock.UtcNow);
        if (request.Topic.Operation.Length == 0)
            call.Reject("InvalidTopic", $"'{request.Topic.Text}' is no operation of jobs.");
        else if (invalidJson is not null)
            call.Reject("InvalidJson", invalidJson);
        else if (!ThingName.TryParse(request.Topic.Thing, out var thing))
            call.Reject("InvalidTopic", $"'{request.Topic.Thing}' is not a thing name: {ThingName.Grammar}.");
        else
            await Ask(call, grains.GetGrain<IDeviceGrain>(thing.Value));
    }

    private async Task Ask(Call call, IDeviceGrain device)
    {
        try
        {
            await (call.Topic switch
            {
                { Name: "", Operation: "get" } => GetPending(call, device),
                { Operation: "start-next" } => StartNext(call, device),
                { Operation: "get" } => Describe(call, device),
                _ => Update(call, device),
            });
        }
        catch
        {
            call.Reject("InternalError", "The service failed; try again.");
            throw;
        }
    }

    private static async Task GetPending(Call call, IDeviceGrain device)
    {
        if (call.RejectIfInvalid()) return;
        call.Accept(JobMessages.Pending(await device.GetPendingJobs(), call.Now, call.ClientToken));
    }

    private async Task StartNext(Call call, IDeviceGrain device)
    {
        var details = StatusDetails(call.Fields);
        CheckStepTimeout(call.Fields);
        if (call.RejectIfInvalid()) return;
        var execution = await device.StartNextJob(new StartNextJob(details));
        call.Accept(messages.Execution(execution, withDocument: true, call.Now, call.ClientToken));
    }

    private async Task Describe(Call call, IDeviceGrain device)
    {
        int? number = call.Fields.Integer("executionNumber", 1, int.MaxValue);
        bool withDocument = call.Fields.Boolean("includeJobDocument", otherwise: true);
        JobId? job = call.Topic.Name == NextJob ? null : call.Job();
        if (call.RejectIfInvalid()) return;
        switch (await device.DescribeJob(job, number))
        {
            case DescribeJobResult.Found found:
                call.Accept(messages.Execution(found.Execution, withDocument, call.Now, call.ClientToken));
                break;
            default:
                call.Reject("ResourceNotFound", $"This thing has no job '{call.Topic.Name}'.");
                break;
        }
    }

    private async Task Update(Call call, IDeviceGrain device)
    {
        var fields = call.Fields;
        var status = Status(fields);
        var details = StatusDetails(fields);
        int? expectedVersion = fields.Integer("expectedVersion", 0, int.MaxValue, orText: true);
        int? number = fields.Integer("executionNumber", 1, int.MaxValue);
        bool withState = fields.Boolean("includeJobExecutionState", otherwise: false);
        bool withDocument = fields.Boolean("includeJobDocument", otherwise: false);
        CheckStepTimeout(fields);
        var job = call.Job();
        if (call.RejectIfInvalid()) return;
        var update = new UpdateJob(job!.Value, status!.Value, details, expectedVersion, number, call.Requester.Identity.Epoch);
        switch (await device.UpdateJob(update))
        {
            case UpdateJobResult.Accepted accepted:
                call.Accept(messages.Updated(accepted.Execution, withState, withDocument, call.Now, call.ClientToken));
                break;
            case UpdateJobResult.VersionMismatch mismatch:
                call.Reject(
                    "VersionMismatch",
                    $"The expected version {expectedVersion} is not the current one, {mismatch.Execution.VersionNumber}.",
                    mismatch.Execution);
                break;
            case UpdateJobResult.InvalidTransition invalid:
                string from = JobMessages.NameOf(invalid.Execution.Status), to = JobMessages.NameOf(status.Value);
                call.Reject("InvalidStateTransition", $"The execution is {from} and cannot become {to}.", invalid.Execution);
                break;
            case UpdateJobResult.Overtaken:
                // The client has another connection by now, and will say it there.
                break;
            default:
                call.Reject("ResourceNotFound", $"This thing has no job '{call.Topic.Name}'.");
                break;
        }
    }

    private static JobExecutionStatus? Status(RequestFields fields)
    {
        string? text = fields.String("status");
        JobExecutionStatus? status = text switch
        {
            "IN_PROGRESS" => JobExecutionStatus.InProgress,
            "SUCCEEDED" => JobExecutionStatus.Succeeded,
            "FAILED" => JobExecutionStatus.Failed,
            "REJECTED" => JobExecutionStatus.Rejected,
            _ => null,
        };
        if (status is null) fields.Fail("status must be IN_PROGRESS, SUCCEEDED, FAILED or REJECTED.");
        return status;
    }

    private static ImmutableSortedDictionary<string, string>? StatusDetails(RequestFields fields) =>
        fields.Map("statusDetails", MaxDetails, static (name, value) =>
        name.Length is 0 or > MaxDetailName || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is ':' or '_' or '-')
            ? $"'{name}' is not a key of 1 to {MaxDetailName} of a-z A-Z 0-9 : _ -"
        : value.Length is 0 or > MaxDetailCharacters || value.Any(char.IsControl)
            ? $"the value of '{name}' does not have 1 to {MaxDetailCharacters} characters, none of them a control character"
        : null);

    /// <summary>Checked, and not acted on: the rollout's own deadlines run.</summary>
    private static void CheckStepTimeout(RequestFields fields)
    {
        if (fields.Integer("stepTimeoutInMinutes", -1, 10_080) == 0)
            fields.Fail("stepTimeoutInMinutes is not -1 or an integer from 1 to 10080.");
    }

    /// <summary>One request and the way to answer it.</summary>
    private sealed record Call(ReservedTopic Topic, Requester Requester, RequestFields Fields, DateTimeOffset Now)
    {
        public string? ClientToken => Fields.ClientToken;

        /// <summary>The job that the topic names; notes an error if it is no job id.</summary>
        public JobId? Job()
        {
            if (JobId.TryParse(Topic.Name, out var job)) return job;
            Fields.Fail($"'{Topic.Name}' is not a job id: {JobId.Grammar}.");
            return null;
        }

        public bool RejectIfInvalid()
        {
            if (Fields.Error is { } error) Reject("InvalidRequest", error);
            return Fields.Error is not null;
        }

        public void Accept(ReadOnlyMemory<byte> body) => Requester.Answer($"{Topic.Text}/accepted", body);

        public void Reject(string code, string message, JobExecution? state = null) =>
            Requester.Answer($"{Topic.Text}/rejected", JobMessages.Rejected(code, message, Now, ClientToken, state));
    }
}
