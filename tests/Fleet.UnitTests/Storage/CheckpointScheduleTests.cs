using Fleet.Silo.Storage.Sqlite;

namespace Fleet.UnitTests.Storage;

public sealed class CheckpointScheduleTests
{
    private const int Pages = 100;

    private readonly CheckpointSchedule _schedule = new(Pages);

    [Fact]
    public void The_checkpointer_is_woken_once_for_so_many_pages_and_not_while_it_copies()
    {
        Assert.Equal(CheckpointStep.None, _schedule.AfterCommit(Pages - 1));
        Assert.Equal(CheckpointStep.WakeCheckpointer, _schedule.AfterCommit(Pages));
        Assert.Equal(CheckpointStep.None, _schedule.AfterCommit(5 * Pages));
        _schedule.Copied(logged: Pages);
        Assert.Equal(CheckpointStep.WakeCheckpointer, _schedule.AfterCommit(5 * Pages + 1));
    }

    [Fact]
    public void What_the_checkpointer_could_not_copy_it_is_woken_for_again()
    {
        _schedule.AfterCommit(Pages);
        _schedule.NotCopied();
        Assert.Equal(CheckpointStep.None, _schedule.AfterCommit(2 * Pages - 1));
        Assert.Equal(CheckpointStep.WakeCheckpointer, _schedule.AfterCommit(2 * Pages));
    }

    /// <summary>However many pages were written meanwhile: the next commit may start the log from its beginning.</summary>
    [Theory, InlineData(Pages + 1), InlineData(50 * Pages)]
    public void Who_has_copied_the_rest_itself_does_not_wake_the_checkpointer(int written)
    {
        _schedule.AfterCommit(Pages);
        _schedule.Copied(logged: 1_000 * Pages);
        Assert.Equal(CheckpointStep.CopyHere, _schedule.AfterCommit(written));
        Assert.Equal(CheckpointStep.None, _schedule.AfterCommit(written + Pages - 1));
        Assert.Equal(CheckpointStep.WakeCheckpointer, _schedule.AfterCommit(written + Pages));
    }

    [Fact]
    public void Never_do_both_copy_at_once_whatever_happens()
    {
        var random = new Random(1);
        var (written, copying, last) = (0, false, CheckpointStep.None);
        for (int i = 0; i < 10_000; i++)
        {
            if (copying && random.Next(3) == 0)
            {
                copying = false;
                if (random.Next(5) == 0) _schedule.NotCopied();
                else _schedule.Copied(random.Next(8 * Pages));
            }
            // Now and then with a new session, which counts from the beginning.
            written = random.Next(50) == 0 ? random.Next(Pages) : written + random.Next(Pages);
            var step = _schedule.AfterCommit(written);
            Assert.False(copying && step is not CheckpointStep.None, $"step {i}");
            Assert.False(last is CheckpointStep.CopyHere && step is not CheckpointStep.None, $"step {i}");
            copying |= step is CheckpointStep.WakeCheckpointer;
            last = step;
        }
    }
}
