using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Fleet.ConformanceTests;

public sealed class PersistentStatesOnGrainHost : PersistentStateTests<DeterministicHost>;

public sealed class PersistentStatesOnSilo : PersistentStateTests<OrleansHost>;

public abstract class PersistentStateTests<THost> : ConformanceTests<THost> where THost : TestHost, new()
{
    [Fact]
    public async Task A_record_is_read_before_the_grain_is_activated()
    {
        await using var host = await Start();
        var notebook = host.Grains.GetGrain<INotebookGrain>("one");
        Assert.Equal("new, exists: False", await notebook.Opening());
        await notebook.Write("hello");
        await notebook.Close();
        Assert.Equal("hello, exists: True", await notebook.Opening());
    }

    [Fact]
    public async Task What_was_not_written_is_lost_with_the_activation()
    {
        await using var host = await Start();
        var notebook = host.Grains.GetGrain<INotebookGrain>("one");
        await notebook.ChangeOnly("draft");
        await notebook.Close();
        Assert.Equal("new, exists: False", await notebook.Opening());
    }

    [Fact]
    public async Task Clearing_leaves_a_state_as_new()
    {
        await using var host = await Start();
        var notebook = host.Grains.GetGrain<INotebookGrain>("one");
        await notebook.Write("hello");
        Assert.Equal("new, exists: False, etag: ", await notebook.Clear());
        Assert.Equal(0, host.Storage.RecordCount);
    }

    [Fact]
    public async Task A_write_over_somebody_elses_fails_and_the_next_activation_reads_theirs()
    {
        await using var host = await Start();
        var notebook = host.Grains.GetGrain<INotebookGrain>("one");
        await notebook.Write("mine");
        var stranger = new GrainState<Notebook>();
        await host.Storage.ReadStateAsync("book", notebook.GetGrainId(), stranger);
        stranger.State!.Text = "theirs";
        await host.Storage.WriteStateAsync("book", notebook.GetGrainId(), stranger);

        var conflict = await Assert.ThrowsAsync<InconsistentStateException>(() => notebook.Write("mine again"));
        Assert.Equal("2", conflict.StoredEtag);
        Assert.Equal("1", conflict.CurrentEtag);
        Assert.Equal("theirs, exists: True", await notebook.Opening());
        await notebook.Write("mine at last");
    }

    [Fact]
    public async Task A_failed_read_reaches_the_caller_and_the_next_call_reads_again()
    {
        await using var host = await Start();
        var notebook = host.Grains.GetGrain<INotebookGrain>("one");
        host.Storage.NextFailure = new IOException("disk");
        Assert.IsType<IOException>((await Assert.ThrowsAsync<OrleansException>(notebook.Opening)).InnerException);
        // Orleans answers with the same failure for five seconds more.
        host.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("new, exists: False", await notebook.Opening());
    }

    [Fact]
    public async Task A_failed_write_leaves_the_activation_as_it_is()
    {
        await using var host = await Start();
        var notebook = host.Grains.GetGrain<INotebookGrain>("one");
        await notebook.Write("hello");
        host.Storage.NextFailure = new IOException("disk");
        Assert.IsType<IOException>((await Assert.ThrowsAsync<OrleansException>(() => notebook.Write("again"))).InnerException);
        await notebook.Write("again");
    }
}

public interface INotebookGrain : IGrainWithStringKey
{
    /// <summary>What the record was when <c>OnActivateAsync</c> ran.</summary>
    Task<string> Opening();

    Task Write(string text);

    Task ChangeOnly(string text);

    Task<string> Clear();

    Task Close();
}

public sealed class Notebook
{
    public string Text { get; set; } = "new";
}

internal sealed class NotebookGrain([PersistentState("book")] IPersistentState<Notebook> record) : Grain, INotebookGrain
{
    private string _opening = "";

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _opening = $"{record.State.Text}, exists: {record.RecordExists}";
        return Task.CompletedTask;
    }

    public Task<string> Opening() => Task.FromResult(_opening);

    public Task Write(string text)
    {
        record.State.Text = text;
        return record.WriteStateAsync();
    }

    public Task ChangeOnly(string text)
    {
        record.State.Text = text;
        return Task.CompletedTask;
    }

    public async Task<string> Clear()
    {
        await record.ClearStateAsync();
        return $"{record.State.Text}, exists: {record.RecordExists}, etag: {record.Etag}";
    }

    public Task Close()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}
