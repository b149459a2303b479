using Fleet.Grains.Streams;
using Fleet.Interfaces.Streams;

namespace Fleet.UnitTests.Streams;

public sealed class FirmwareStreamCoreTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly StreamDescription Description = new("amr 1.0.0", [new StreamFile(0, 1_000, new string('a', 64))]);

    [Fact]
    public void A_stream_that_nobody_opened_has_no_lease() => Assert.Null(FirmwareStreamCore.Lease(new(), Noon));

    [Fact]
    public void A_lease_has_version_one_and_ends_in_minutes()
    {
        var lease = FirmwareStreamCore.Lease(FirmwareStreamCore.Open(new(), Description), Noon);
        Assert.Equal(new StreamLease(1, Description, Noon.AddMinutes(5)), lease);
    }

    [Fact]
    public void Opening_again_changes_nothing_and_other_files_need_another_stream()
    {
        var open = FirmwareStreamCore.Open(new(), Description);
        Assert.Same(open, FirmwareStreamCore.Open(open, new(Description.Description, [.. Description.Files])));
        Assert.Throws<InvalidOperationException>(() => FirmwareStreamCore.Open(open, Description with { Files = [new StreamFile(0, 1, "b")] }));
    }

    [Fact]
    public void The_state_survives_storage()
    {
        var options = Fleet.Grains.GrainStateJson.Options;
        var stored = System.Text.Json.JsonSerializer.Serialize(FirmwareStreamCore.Open(new(), Description), options);
        var read = System.Text.Json.JsonSerializer.Deserialize<FirmwareStreamState>(stored, options)!;
        Assert.Equal(Description.Files.AsEnumerable(), read.Description!.Files.AsEnumerable());
    }
}
