using Fleet.Silo;
using Fleet.Silo.Storage.Sqlite;

namespace Fleet.UnitTests.Storage;

public sealed class SqliteLibraryTests
{
    [Theory, InlineData("3.51.3"), InlineData("3.51.3.1"), InlineData("3.53.0"), InlineData("3.100.0"), InlineData("4.0.0")]
    public void A_library_without_the_fault_is_taken(string version) => SqliteLibrary.MustBeSound(version);

    [Theory, InlineData("3.51.2"), InlineData("3.51.2.9"), InlineData("3.35.5"), InlineData("3.9.2"), InlineData("3"), InlineData("unknown")]
    public void An_older_library_is_refused_by_name_with_the_one_that_is_needed(string version)
    {
        string message = Assert.Throws<StartupException>(() => SqliteLibrary.MustBeSound(version)).Message;
        Assert.Contains($"is {version};", message, StringComparison.Ordinal);
        Assert.Contains("3.51.3", message, StringComparison.Ordinal);
    }
}
