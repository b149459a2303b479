using Fleet.Gateway.Journal;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Rules;
using Fleet.Grains.Index;
using Fleet.Grains.Rules;
using Fleet.Silo.Storage;
using Fleet.Silo.Storage.Sqlite;
using Orleans;

namespace Fleet.UnitTests.Storage;

/// <summary>SQLite, in a temporary folder.</summary>
public sealed class SqliteTestDatabase : TestDatabase
{
    private readonly bool _ownsFolder;

    public SqliteTestDatabase() : this(null) { }

    internal SqliteTestDatabase(string? folder, StorageOptions? options = null) : base(options)
    {
        _ownsFolder = folder is null;
        Folder = folder ?? Directory.CreateTempSubdirectory("fleet-storage-").FullName;
        var wrapped = Microsoft.Extensions.Options.Options.Create(Options);
        var database = new SqliteDatabase(File, wrapped, TimeProvider.System);
        Writer = new GroupCommitWriter(database, wrapped, Monitor);
        Readers = new SqliteReaders(database);
        var etags = new ETagClock(TimeProvider.System);
        Records = new SqliteRecords(Writer, Readers, etags, TimeProvider.System);
        Reminders = new SqliteReminderTable(Writer, Readers, etags);
        Tables = new SqliteIndexTables(Readers);
        Catalog = new SqliteCatalog(Readers);
        Retained = new SqliteRetainedStore(Writer, Readers, TimeProvider.System);
        RuleQueue = new SqliteRuleQueue(Writer, Readers);
        Rules = new SqliteRuleStore(Writer, Readers);
        Sessions = NewSessionStore();
    }

    public string Folder { get; }
    public string File => Path.Combine(Folder, "fleet.db");
    internal GroupCommitWriter Writer { get; }
    internal SqliteReaders Readers { get; }
    internal override IRecordStore Records { get; }
    public IReminderTable Reminders { get; }
    internal override IIndexTables Tables { get; }
    public override ICatalog Catalog { get; }
    public override IRetainedStore Retained { get; }
    public override IRuleQueue RuleQueue { get; }
    public override IRuleStore Rules { get; }
    public override ISessionStore Sessions { get; }

    public override ISessionStore NewSessionStore() => new SqliteSessionStore(Writer, Readers);

    public override object? Scalar(string sql) => Readers.Read(session => session.Scalar(sql));

    public override string JsonMember(string name) => $"json_extract(state, '$.{name}')";

    public override async Task<IAsyncDisposable> HoldWriter()
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var hold = new ManualResetEventSlim();
        // On a thread of its own: a write that is alone may be committed on its caller's.
        _ = Task.Run(() => Writer.Write(_ =>
        {
            held.TrySetResult();
            hold.Wait();
            return 0;
        }));
        await held.Task;
        return new Release(hold);
    }

    public override async ValueTask DisposeAsync()
    {
        await Writer.DisposeAsync();
        Readers.Dispose();
        await base.DisposeAsync();
        if (_ownsFolder) Directory.Delete(Folder, recursive: true);
    }

    private sealed class Release(ManualResetEventSlim hold) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            hold.Set();
            return ValueTask.CompletedTask;
        }
    }
}
