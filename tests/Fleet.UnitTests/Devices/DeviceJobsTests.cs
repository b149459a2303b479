using Fleet.Grains.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.UnitTests.Rollouts;

namespace Fleet.UnitTests.Devices;

/// <summary>spec/aws-iot-topics.md, 2.3 and 2.4.</summary>
public sealed class DeviceJobsTests
{
    [Fact]
    public void Start_next_starts_the_head_and_repeats_it()
    {
        var device = TestDevice.Online();
        Assert.Null(device.Start());
        device.Offer();
        var started = device.Start(ImmutableSortedDictionary<string, string>.Empty.Add("a", "1"))!;
        Assert.Equal((JobExecutionStatus.InProgress, 2, "1"), (started.Status, started.VersionNumber, started.StatusDetails["a"]));
        Assert.Equal(device.Now, started.StartedAt);
        // Its details are stored only if this call starts it.
        var again = device.Start(ImmutableSortedDictionary<string, string>.Empty.Add("a", "2"))!;
        Assert.Equal((2, "1"), (again.VersionNumber, again.StatusDetails["a"]));
        Assert.Empty(device.Events);
    }

    [Fact]
    public void Every_accepted_update_counts_and_omitted_details_stay()
    {
        var device = TestDevice.Online();
        device.Offer();
        device.Start();
        var first = Assert.IsType<UpdateJobResult.Accepted>(device.Update(JobExecutionStatus.InProgress, 2, details: ("receive", "1/9")));
        Assert.Equal(3, first.Execution.VersionNumber);
        var second = Assert.IsType<UpdateJobResult.Accepted>(device.Update(JobExecutionStatus.InProgress));
        Assert.Equal((4, "1/9"), (second.Execution.VersionNumber, second.Execution.StatusDetails["receive"]));
        Assert.Null(device.Notified);
    }

    [Fact]
    public void Another_version_than_expected_changes_nothing()
    {
        var device = TestDevice.Online();
        device.Offer();
        Assert.Equal(1, Assert.IsType<UpdateJobResult.VersionMismatch>(device.Update(JobExecutionStatus.InProgress, expectedVersion: 7)).Execution.VersionNumber);
        Assert.Empty(device.Events);
    }

    [Fact]
    public void A_device_may_go_straight_from_queued_to_the_end_and_no_further()
    {
        var device = TestDevice.Online();
        device.Offer();
        Assert.IsType<UpdateJobResult.Accepted>(device.Update(JobExecutionStatus.Rejected, details: ("reason", "battery")));
        Assert.Equal((JobOutcome.Rejected, "battery"), (device.Execution.Outcome, device.Execution.Detail));
        Assert.IsType<UpdateJobResult.InvalidTransition>(device.Update(JobExecutionStatus.Rejected));
        Assert.IsType<UpdateJobResult.InvalidTransition>(device.Update(JobExecutionStatus.InProgress));
        Assert.IsType<UpdateJobResult.NotFound>(device.Update(JobExecutionStatus.InProgress, job: "unknown"));
    }

    [Fact]
    public void The_document_comes_with_the_update_that_ends_it_and_is_dropped_then()
    {
        var device = TestDevice.Online();
        device.Offer();
        Assert.Equal(Given.Offer().Document, Assert.IsType<UpdateJobResult.Accepted>(device.Update(JobExecutionStatus.Failed)).Execution.Document);
        Assert.Equal(JobDocuments.Dropped, Found(DeviceJobs.Describe(device.State, TestDevice.Thing, Given.Job, null))!.Document);
    }

    [Fact]
    public void One_job_at_a_time()
    {
        var device = TestDevice.Online();
        device.Offer();
        device.Offer(Given.Offer(job: "second", bootProof: false));
        device.Start();
        Assert.IsType<UpdateJobResult.InvalidTransition>(device.Update(JobExecutionStatus.InProgress, job: "second"));
        Assert.IsType<UpdateJobResult.InvalidTransition>(device.Update(JobExecutionStatus.Succeeded, job: "second"));
        // It may refuse one that it has not started.
        device.Offer(Given.Offer(job: "third"));
        Assert.IsType<UpdateJobResult.Accepted>(device.Update(JobExecutionStatus.Rejected, job: "third"));

        // Done, but not proven: the next one waits, and is announced when its time has come.
        device.Update(JobExecutionStatus.Succeeded);
        Assert.Null(Found(DeviceJobs.Describe(device.State, TestDevice.Thing, null, null)));
        Assert.Null(device.Start());
        device.Restart();
        device.Report(Given.V2);
        Assert.Equal(new SendNotification("s2", Notify: false, NotifyNext: true), device.Notified);
        Assert.Equal("second", device.Start()!.JobId.Value);
    }

    [Fact]
    public void A_job_without_a_number_is_the_latest_attempt()
    {
        var device = TestDevice.Online();
        device.Offer();
        device.Do(DeviceOffers.Withdraw(device.State, Given.Job, 1, device.Now));
        device.Offer(Given.Offer(number: 2));
        Assert.Equal(2, Found(DeviceJobs.Describe(device.State, TestDevice.Thing, Given.Job, null))!.ExecutionNumber);
        Assert.Equal(JobExecutionStatus.Canceled, Found(DeviceJobs.Describe(device.State, TestDevice.Thing, Given.Job, 1))!.Status);
        Assert.IsType<DescribeJobResult.NotFound>(DeviceJobs.Describe(device.State, TestDevice.Thing, Given.Job, 3));
    }

    [Fact]
    public void Progress_without_a_new_stage_reaches_the_shard_once_in_a_while()
    {
        var device = TestDevice.Online();
        device.Offer();
        device.Start();
        device.After(99).Update(JobExecutionStatus.InProgress, details: ("receive", "1/9"));
        Assert.Empty(device.Effects);
        device.After(1).Update(JobExecutionStatus.InProgress, details: ("receive", "2/9"));
        Assert.Single(device.Effects.OfType<SendReport>());
        device.After(1).Update(JobExecutionStatus.InProgress, details: ("receive", "3/9"));
        Assert.Empty(device.Effects);
    }

    [Fact]
    public void The_stream_is_open_from_the_offer_until_the_device_says_that_it_is_installed()
    {
        var device = TestDevice.Online();
        Assert.False(DeviceJobs.MayDownload(device.State, Given.Stream));
        device.Offer();
        Assert.True(DeviceJobs.MayDownload(device.State, Given.Stream));
        Assert.False(DeviceJobs.MayDownload(device.State, Given.Name<Interfaces.Naming.StreamId>("another")));
        device.Step("installing");
        Assert.True(DeviceJobs.MayDownload(device.State, Given.Stream));
        device.Step("confirming");
        Assert.False(DeviceJobs.MayDownload(device.State, Given.Stream));
    }

    private static JobExecution? Found(DescribeJobResult result) => Assert.IsType<DescribeJobResult.Found>(result).Execution;
}
