using Fleet.Grains.Jobs;
using Fleet.Interfaces.Jobs;

namespace Fleet.UnitTests.Jobs;

public sealed class JobProgressTests
{
    [Theory]
    [InlineData(JobStage.Queued, null, null, JobStage.Downloading)]
    [InlineData(JobStage.Downloading, "step", "installing", JobStage.Installing)]
    [InlineData(JobStage.Downloading, "step", "confirming", JobStage.Confirming)]
    [InlineData(JobStage.Downloading, "step", "dancing", JobStage.Downloading)]
    [InlineData(JobStage.Queued, "step", "installing", JobStage.Installing)]
    [InlineData(JobStage.Downloading, "receive", "64/353", JobStage.Downloading)]
    [InlineData(JobStage.Downloading, "self_test", "ready", JobStage.Confirming)]
    [InlineData(JobStage.Installing, "progress", "7", JobStage.Installing)]
    public void The_stage_is_read_from_the_details(JobStage current, string? key, string? value, JobStage expected) =>
        Assert.Equal(expected, JobProgress.StageOf(current, key is null ? null : ImmutableSortedDictionary<string, string>.Empty.Add(key, value!)));

    [Theory]
    [InlineData(JobStage.Installing, "downloading")]
    [InlineData(JobStage.Confirming, "downloading")]
    [InlineData(JobStage.Confirming, "installing")]
    public void An_execution_never_goes_back_so_that_its_deadlines_end(JobStage current, string step) =>
        Assert.Equal(current, JobProgress.StageOf(current, ImmutableSortedDictionary<string, string>.Empty.Add("step", step)));
}
