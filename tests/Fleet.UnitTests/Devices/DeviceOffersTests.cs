using Fleet.Grains.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.UnitTests.Rollouts;

namespace Fleet.UnitTests.Devices;

public sealed class DeviceOffersTests
{
    [Fact]
    public void An_offer_is_queued_once_however_often_it_comes()
    {
        var device = TestDevice.Online();
        Assert.IsType<OfferResult.Queued>(device.Offer());
        Assert.Equal(new SendNotification("s1", Notify: true, NotifyNext: true), device.Notified);
        Assert.IsType<OfferResult.Queued>(device.Offer());
        Assert.Empty(device.Events);
        Assert.Single(device.State.Open);
    }

    [Fact]
    public void A_repeat_after_the_end_runs_nothing_again()
    {
        var device = TestDevice.Online();
        device.Offer();
        device.Start();
        device.Update(JobExecutionStatus.Rejected);
        Assert.IsType<OfferResult.Queued>(device.Offer());
        Assert.Empty(device.State.Open);
    }

    [Fact]
    public void A_device_that_runs_the_version_says_so_and_says_it_again_later()
    {
        var device = TestDevice.Online();
        device.Report(Given.V2);
        Assert.IsType<OfferResult.AlreadyInstalled>(device.Offer());
        device.Report(Given.V1);
        Assert.IsType<OfferResult.AlreadyInstalled>(device.Offer());
        Assert.Empty(device.State.Open);
    }

    [Fact]
    public void One_that_runs_it_and_is_about_to_run_something_else_gets_it_again()
    {
        var device = TestDevice.Online();
        device.Report(Given.V2);
        device.Offer(Given.Offer(job: "other") with { Version = Given.Name<Interfaces.Naming.FirmwareVersion>("3.0.0") });
        device.Start();
        Assert.IsType<OfferResult.Queued>(device.Offer());
        Assert.Equal(2, device.State.Open.Length);
    }

    [Fact]
    public void What_it_said_before_an_attempt_without_proof_is_not_what_it_runs_after_it()
    {
        var device = TestDevice.Online();
        device.Report(Given.V2);
        device.Offer(Given.Offer(job: "other") with { Version = Given.Name<Interfaces.Naming.FirmwareVersion>("3.0.0"), BootProof = false });
        device.Start();
        device.After(1);
        device.Update(JobExecutionStatus.Succeeded, job: "other");
        Assert.IsType<OfferResult.Queued>(device.Offer());
        device.Report(Given.V2);
        Assert.IsType<OfferResult.AlreadyInstalled>(device.Offer(Given.Offer(job: "third")));
    }

    [Fact]
    public void Offers_that_were_taken_back_do_not_crowd_out_what_the_device_did()
    {
        var device = TestDevice.Online();
        device.Offer(Given.Offer(job: "done"));
        device.Start();
        device.Update(JobExecutionStatus.Rejected, job: "done");
        for (int number = 1; number <= 2 * DeviceCore.EndedKept; number++)
        {
            device.Offer(Given.Offer(number));
            device.Do(DeviceOffers.Withdraw(device.State, Given.Job, number, device.Now));
        }
        Assert.Equal(JobOutcome.Rejected, device.State.Find(Given.Name<Interfaces.Naming.JobId>("done"), 1)?.Outcome);
        // A late offer of one that was taken back still starts nothing.
        Assert.IsType<OfferResult.Queued>(device.Offer(Given.Offer(number: 3)));
        Assert.Empty(device.State.Open);
    }

    [Fact]
    public void One_that_runs_it_and_is_not_healthy_gets_it_again()
    {
        var device = TestDevice.Online();
        device.Report(Given.V2, healthy: false);
        Assert.IsType<OfferResult.Queued>(device.Offer());
    }

    [Fact]
    public void An_offer_for_another_model_or_nobody_is_unfit()
    {
        var other = TestDevice.Online().Offer(Given.Offer() with { Model = Given.Name<Interfaces.Naming.ModelName>("dog") });
        Assert.Contains("'amr'", Assert.IsType<OfferResult.Unfit>(other).Reason, StringComparison.Ordinal);
        var nobody = new TestDevice();
        Assert.IsType<OfferResult.Unfit>(nobody.Offer());
        Assert.Null(nobody.State.ToDeviceRow());
    }

    [Fact]
    public void An_offer_that_was_taken_back_before_it_came_is_not_queued()
    {
        var device = TestDevice.Online();
        Assert.Equal(WithdrawResult.Withdrawn, device.Do(DeviceOffers.Withdraw(device.State, Given.Job, 1, device.Now)));
        Assert.IsType<OfferResult.Queued>(device.Offer());
        Assert.Empty(device.State.Open);
        Assert.Null(device.Start());
        // The next attempt is another matter.
        device.Offer(Given.Offer(number: 2));
        Assert.Single(device.State.Open);
        // And the first one, later still, is not.
        device.Offer(Given.Offer(number: 1));
        Assert.Equal([2], device.State.Open.Select(e => e.Number));
    }

    [Fact]
    public void What_has_started_is_not_taken_back()
    {
        var device = TestDevice.Online();
        device.Offer();
        device.Start();
        Assert.Equal(WithdrawResult.Started, device.Do(DeviceOffers.Withdraw(device.State, Given.Job, 1, device.Now)));
        Assert.Equal(JobExecutionStatus.InProgress, device.Execution.Status);
        device.Update(JobExecutionStatus.Failed);
        Assert.Equal(WithdrawResult.Started, device.Do(DeviceOffers.Withdraw(device.State, Given.Job, 1, device.Now)));
        // Whoever asks has missed how it ended.
        Assert.Single(device.Effects.OfType<SendReport>());
    }

    [Fact]
    public void A_cancel_ends_it_whatever_the_device_does_and_says_how_it_had_ended_otherwise()
    {
        var device = TestDevice.Online();
        device.Offer();
        device.Start();
        Assert.True(DeviceJobs.MayDownload(device.State, Given.Stream));
        Assert.Equal(JobOutcome.Cancelled, device.Do(DeviceOffers.Cancel(device.State, TestDevice.Thing, Given.Job, 1, device.Now))!.Outcome);
        Assert.False(DeviceJobs.MayDownload(device.State, Given.Stream));
        Assert.Equal(new SendNotification("s1", Notify: true, NotifyNext: true), device.Notified);
        Assert.IsType<UpdateJobResult.InvalidTransition>(device.Step("installing"));

        var failed = TestDevice.Online();
        failed.Offer();
        failed.Update(JobExecutionStatus.Failed);
        Assert.Equal(JobOutcome.Failed, failed.Do(DeviceOffers.Cancel(failed.State, TestDevice.Thing, Given.Job, 1, failed.Now))!.Outcome);
        Assert.Null(failed.Do(DeviceOffers.Cancel(failed.State, TestDevice.Thing, Given.Job, 7, failed.Now)));
    }

    [Theory]
    [InlineData(JobStage.Queued, JobOutcome.TimedOutQueued)]
    [InlineData(JobStage.Downloading, JobOutcome.TimedOutDownloading)]
    [InlineData(JobStage.Installing, JobOutcome.TimedOutInstalling)]
    [InlineData(JobStage.Confirming, JobOutcome.TimedOutConfirming)]
    public void Each_stage_has_a_deadline_and_an_outcome_of_its_own(JobStage stage, JobOutcome outcome)
    {
        var device = TestDevice.Online();
        device.Offer();
        if (stage > JobStage.Queued) device.Step($"{stage}".ToLowerInvariant());
        // The device was in the stage before when the deadline was looked at: it has moved on.
        if (stage > JobStage.Queued) Assert.Null(device.Review(stage - 1, expired: true)!.Outcome);
        Assert.Equal(outcome, device.Review(stage, expired: true)!.Outcome);
        Assert.Equal(JobExecutionStatus.TimedOut, device.Execution.Status);
        Assert.Equal(outcome, device.Review(stage, expired: true)!.Outcome);
    }

    [Fact]
    public void The_last_twenty_that_ended_are_kept_and_those_the_shard_has_not_heard_of()
    {
        var device = TestDevice.Online();
        for (int i = 0; i < 30; i++)
        {
            device.Offer(Given.Offer(job: $"job-{i}"));
            device.Update(JobExecutionStatus.Rejected, job: $"job-{i}");
        }
        Assert.Equal(DeviceCore.EndedKept, device.State.Ended.Length);
        Assert.Equal("job-29", device.State.Ended[^1].JobId.Value);
        Assert.All(device.State.Ended, e => Assert.Null(e.Document));
    }
}
