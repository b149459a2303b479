using Fleet.Grains.Devices;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.UnitTests.Rollouts;

namespace Fleet.UnitTests.Devices;

/// <summary>Design, section 8, promise 1.</summary>
public sealed class BootProofTests
{
    private static readonly TimeSpan FiveMinutes = TimeSpan.FromMinutes(5);

    [Fact]
    public void Saying_so_is_not_success()
    {
        var device = TestDevice.Confirming();
        Assert.IsType<UpdateJobResult.Accepted>(device.Update(JobExecutionStatus.Succeeded));
        Assert.Equal((JobExecutionStatus.Succeeded, null), (device.Execution.Status, device.Execution.Outcome));
    }

    [Fact]
    public void Coming_back_with_the_version_and_healthy_is()
    {
        var device = TestDevice.Confirming();
        device.Restart();
        Assert.Null(device.Execution.Outcome);
        device.Report(Given.V2);
        Assert.Equal(JobOutcome.Succeeded, device.Execution.Outcome);
        Assert.Single(device.Effects.OfType<SendReport>());
    }

    [Fact]
    public void The_version_in_the_same_session_proves_nothing()
    {
        var device = TestDevice.Confirming();
        device.Report(Given.V2);
        Assert.Null(device.Execution.Outcome);
        device.Restart();
        // What it said before it restarted does not count, even now.
        Assert.Null(device.Execution.Outcome);
        device.Report(Given.V2);
        Assert.Equal(JobOutcome.Succeeded, device.Execution.Outcome);
    }

    [Fact]
    public void Coming_back_with_the_old_version_is_a_rollback()
    {
        var device = TestDevice.Confirming();
        device.Restart();
        device.Report(Given.V1);
        Assert.Equal((JobOutcome.RolledBack, "came back with 1.0.0"), (device.Execution.Outcome, device.Execution.Detail));
    }

    [Fact]
    public void A_failure_said_after_coming_back_is_a_rollback_and_before_a_failure()
    {
        var before = TestDevice.Confirming();
        before.Update(JobExecutionStatus.Failed, details: ("reason", "self-test"));
        Assert.Equal((JobOutcome.Failed, "self-test"), (before.Execution.Outcome, before.Execution.Detail));

        var after = TestDevice.Confirming();
        after.Restart();
        after.Update(JobExecutionStatus.Failed);
        Assert.Equal(JobOutcome.RolledBack, after.Execution.Outcome);
    }

    [Fact]
    public void Being_unhealthy_is_neither_until_the_deadline()
    {
        var device = TestDevice.Confirming();
        device.Restart();
        device.Report(Given.V2, healthy: false);
        Assert.Null(device.Execution.Outcome);
        device.Review(JobStage.Confirming, expired: true);
        Assert.Equal(JobOutcome.TimedOutConfirming, device.Execution.Outcome);
    }

    [Fact]
    public void Health_must_last_as_long_as_the_plan_says()
    {
        var device = TestDevice.Confirming(FiveMinutes);
        device.Restart();
        device.Report(Given.V2);
        Assert.Equal(device.Now + FiveMinutes, device.Execution.ReviewAt);
        Assert.Null(device.After(299).Review(JobStage.Confirming, expired: false)!.Outcome);
        Assert.Equal(JobOutcome.Succeeded, device.After(1).Review(JobStage.Confirming, expired: false)!.Outcome);
    }

    [Fact]
    public void A_new_connection_starts_the_healthy_time_anew_so_a_device_that_restarts_for_ever_never_succeeds()
    {
        var device = TestDevice.Confirming(FiveMinutes);
        device.Restart();
        device.Report(Given.V2);
        device.After(200).Restart("s3");
        Assert.Equal(device.Now + FiveMinutes, device.Execution.ReviewAt);
        device.After(200);
        Assert.Null(device.Review(JobStage.Confirming, expired: false)!.Outcome);
        device.Disconnect();
        Assert.Null(device.Execution.ReviewAt);
        Assert.Null(device.After(1000).Review(JobStage.Confirming, expired: false)!.Outcome);
    }

    [Fact]
    public void A_deadline_that_comes_when_the_proof_is_complete_is_success()
    {
        var device = TestDevice.Confirming(FiveMinutes);
        device.Restart();
        device.Report(Given.V2);
        Assert.Equal(JobOutcome.Succeeded, device.After(300).Review(JobStage.Confirming, expired: true)!.Outcome);
    }

    [Theory, InlineData(DisconnectReason.GatewayLost), InlineData(DisconnectReason.ServerInitiatedDisconnect), InlineData(DisconnectReason.ConnectionLost)]
    public void A_device_whose_connection_broke_may_still_restart(DisconnectReason reason)
    {
        var (good, bad) = (BackWithoutHavingLeft(reason), BackWithoutHavingLeft(reason));
        good.Restart("s3");
        good.Report(Given.V2);
        Assert.Equal(JobOutcome.Succeeded, good.Execution.Outcome);
        bad.Restart("s3");
        bad.Report(Given.V1);
        Assert.Equal(JobOutcome.RolledBack, bad.Execution.Outcome);
    }

    [Fact]
    public void A_device_that_came_back_without_having_left_and_does_not_restart_has_rolled_back()
    {
        var device = BackWithoutHavingLeft(DisconnectReason.ConnectionLost);
        Assert.Equal(device.Now.AddSeconds(60), device.Execution.ReviewAt);
        Assert.Null(device.After(59).Review(JobStage.Confirming, expired: false)!.Outcome);
        Assert.Equal(JobOutcome.RolledBack, device.After(1).Review(JobStage.Confirming, expired: false)!.Outcome);
    }

    [Fact]
    public void Connections_that_break_again_and_again_do_not_put_it_off()
    {
        var device = BackWithoutHavingLeft(DisconnectReason.ConnectionLost);
        device.Disconnect(DisconnectReason.ConnectionLost);
        // It may be restarting at this moment.
        Assert.Null(device.After(70).Review(JobStage.Confirming, expired: false)!.Outcome);
        device.Connect("s3");
        Assert.Null(device.Execution.Outcome);
        device.Report(Given.V1);
        Assert.Equal(JobOutcome.RolledBack, device.Execution.Outcome);
    }

    private static TestDevice BackWithoutHavingLeft(DisconnectReason reason)
    {
        var device = TestDevice.Confirming();
        device.Disconnect(reason);
        device.After(5).Connect("s2");
        device.Report(Given.V1);
        Assert.Null(device.Execution.Outcome);
        return device;
    }

    [Fact]
    public void A_late_report_of_the_old_session_is_no_rollback()
    {
        var device = TestDevice.Confirming();
        var before = device.State.SessionEpoch;
        device.Restart();
        device.Do(DevicePresence.Report(device.State, new(Given.V1, true, 100, device.Now, before), device.Now));
        Assert.Null(device.Execution.Outcome);
    }

    [Fact]
    public void What_somebody_else_writes_into_the_shadow_proves_nothing()
    {
        var device = TestDevice.Confirming();
        device.Restart();
        device.Do(DevicePresence.Report(device.State, new(Given.V2, true, 100, device.Now), device.Now));
        Assert.Equal((Given.V2, null), (device.State.Firmware!.Value, device.Execution.Outcome));
    }

    [Fact]
    public void Clocks_that_differ_from_machine_to_machine_do_not_matter()
    {
        var device = TestDevice.Confirming();
        device.Disconnect();
        // Gateway and shadow are hosted by machines an hour behind; this one's clock is set back in between.
        device.Now -= TimeSpan.FromMinutes(5);
        device.Do(DevicePresence.Connected(device.State, new("s2", "gateway", "::1", device.Now.AddHours(-1), new(2)), device.Now));
        device.Do(DevicePresence.Report(device.State, new(Given.V2, true, 100, device.Now.AddHours(-1), new(2)), device.Now));
        Assert.Equal(JobOutcome.Succeeded, device.Execution.Outcome);
    }

    [Fact]
    public void With_proof_by_report_the_devices_word_counts()
    {
        var device = TestDevice.Confirming(bootProof: false);
        device.Update(JobExecutionStatus.Succeeded);
        Assert.Equal(JobOutcome.Succeeded, device.Execution.Outcome);
    }

    [Fact]
    public void After_the_proof_the_devices_own_SUCCEEDED_is_accepted_once_and_brings_the_notification()
    {
        var device = TestDevice.Confirming();
        device.Restart();
        int version = device.Execution.VersionNumber;
        device.Report(Given.V2);
        Assert.Null(device.Notified);
        Assert.IsType<UpdateJobResult.Accepted>(device.Update(JobExecutionStatus.Succeeded, version, details: ("reason", "accepted v2.0.0")));
        Assert.Equal(new SendNotification("s2", Notify: true, NotifyNext: true), device.Notified);
        Assert.Equal("accepted v2.0.0", device.Execution.StatusDetails!["reason"]);
        Assert.IsType<UpdateJobResult.InvalidTransition>(device.Update(JobExecutionStatus.Succeeded));
    }
}
