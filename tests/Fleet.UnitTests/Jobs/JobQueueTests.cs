using Fleet.Grains.Jobs;
using Fleet.Interfaces.Jobs;
using Fleet.UnitTests.Rollouts;

namespace Fleet.UnitTests.Jobs;

public sealed class JobQueueTests
{
    private static readonly DeviceExecution Older = DeviceExecution.Offered(Given.Offer(job: "older"), Given.Noon);
    private static readonly DeviceExecution Newer = DeviceExecution.Offered(Given.Offer(job: "newer"), Given.Noon.AddMinutes(1));

    [Fact]
    public void The_oldest_queued_is_the_head() => Assert.Equal(Older, JobQueue.Head([Newer, Older]));

    [Fact]
    public void One_in_progress_comes_before_older_ones() =>
        Assert.Equal("newer", JobQueue.Head([Older, InProgress(Newer)])!.JobId.Value);

    [Fact]
    public void Nothing_is_at_the_head_while_the_outcome_of_another_is_to_be_proven() =>
        Assert.Null(JobQueue.Head([Older, Done(Newer)]));

    // The table of spec/aws-iot-topics.md, 2.6, line by line.
    [Theory]
    [InlineData("execution queued, list was empty", true, true)]
    [InlineData("execution queued behind others", true, false)]
    [InlineData("head QUEUED -> IN_PROGRESS", false, false)]
    [InlineData("non-head QUEUED -> IN_PROGRESS and so becomes head", false, true)]
    [InlineData("IN_PROGRESS -> IN_PROGRESS", false, false)]
    [InlineData("head becomes terminal", true, true)]
    [InlineData("last head becomes terminal", true, true)]
    [InlineData("non-head becomes terminal", true, false)]
    [InlineData("head canceled while pending", true, true)]
    [InlineData("non-head canceled while pending", true, false)]
    public void Changes_are_told_as_the_table_says(string change, bool notify, bool notifyNext)
    {
        (DeviceExecution[] before, DeviceExecution[] after) = change switch
        {
            "execution queued, list was empty" => Of([], [Older]),
            "execution queued behind others" => Of([Older], [Older, Newer]),
            "head QUEUED -> IN_PROGRESS" => Of([Older, Newer], [InProgress(Older), Newer]),
            "non-head QUEUED -> IN_PROGRESS and so becomes head" => Of([Older, Newer], [Older, InProgress(Newer)]),
            "IN_PROGRESS -> IN_PROGRESS" => Of([InProgress(Older)], [InProgress(Older) with { VersionNumber = 3 }]),
            "head becomes terminal" => Of([InProgress(Older), Newer], [Newer]),
            "last head becomes terminal" => Of([InProgress(Older)], []),
            "non-head becomes terminal" => Of([InProgress(Older), Newer], [InProgress(Older)]),
            "head canceled while pending" => Of([Older, Newer], [Newer]),
            "non-head canceled while pending" => Of([Older, Newer], [Older]),
            _ => throw new ArgumentOutOfRangeException(nameof(change)),
        };
        Assert.Equal((notify, notifyNext), JobQueue.Changes([.. before], [.. after]));

        static (DeviceExecution[], DeviceExecution[]) Of(DeviceExecution[] before, DeviceExecution[] after) => (before, after);
    }

    [Fact]
    public void A_notification_lists_ten_at_most_those_in_progress_first()
    {
        ImmutableArray<DeviceExecution> open =
            [InProgress(Newer), .. Enumerable.Range(0, 15).Select(i => DeviceExecution.Offered(Given.Offer(job: $"j{i}"), Given.Noon.AddSeconds(i)))];
        var (inProgress, queued) = JobQueue.PendingForNotify(open, Given.Thing(1));
        Assert.Equal((1, 9), (inProgress.Length, queued.Length));
        Assert.Equal("j0", queued[0].JobId.Value);
    }

    private static DeviceExecution InProgress(DeviceExecution e) => e with { Status = JobExecutionStatus.InProgress, Stage = JobStage.Downloading };

    private static DeviceExecution Done(DeviceExecution e) => e with { Status = JobExecutionStatus.Succeeded, Stage = JobStage.Confirming };
}
