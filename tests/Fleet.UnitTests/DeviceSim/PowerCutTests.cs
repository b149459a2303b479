using Fleet.DeviceSim.Agent.Boot;

namespace Fleet.UnitTests.DeviceSim;

/// <summary>
/// The power goes before any one lasting change, at each of them in turn, and comes back: the update ends well, no slot is written
/// twice, and what boots is what was verified (spec/security.md, A26).
/// </summary>
public sealed class PowerCutTests
{
    private static readonly Firmware Next = Firmware.Of("1.1.0", bytes: 20_000) with { Floor = "1.1.0" };

    [Fact]
    public async Task Wherever_the_power_goes_the_update_ends_well_and_a_slot_is_written_once()
    {
        var cuts = new List<string>();
        for (int at = 1; ; at++)
        {
            await using var rig = new DeviceRig();
            rig.Cloud.Offer(Next);
            var cut = new PowerCut(at);
            rig.PowerOn(cut.BeforeChange);
            await Eventually.True(() => rig.Ended.IsCompleted || rig.Cloud.JobStatus == "SUCCEEDED" && rig.State.Update is null);
            if (rig.Ended.IsCompleted)
            {
                await Assert.ThrowsAnyAsync<Exception>(() => rig.Ended);
                cuts.Add(cut.Where!);
                rig.PowerOn();
                await rig.Cloud.Hears("SUCCEEDED: runs 1.1.0 from slot b");
            }
            await Eventually.True(() => rig.State.Update is null);
            if (cut.Where is null)
            {
                await rig.PowerOff();
            }
            var state = rig.State;
            Assert.True(state.Installs.GetValueOrDefault("1.1.0") == 1, $"cut {at} ({cut.Where}): installs {string.Join(", ", state.Installs)}");
            Assert.Equal((Slot.B, null, "1.1.0"), (state.Active, state.Trial, state.Floor));
            Assert.Equal(Next.Image, await File.ReadAllBytesAsync(Path.Combine(rig.Folder, "slot-b", "image")));
            if (cut.Where is null) break;
        }
        // All that an update changes on the disk was once what did not happen.
        Assert.Superset(
            new HashSet<string> { "write the factory image", "save the state", "write the key", "write the certificate", "open the download", "sync the image", "move the image into its slot" },
            cuts.ToHashSet());
    }

    private sealed class PowerCut(int at)
    {
        private int _changes;

        /// <summary>Null until it happened.</summary>
        public string? Where { get; private set; }

        public void BeforeChange(string what)
        {
            if (Interlocked.Increment(ref _changes) < at) return;
            Where ??= what;
            throw new InvalidOperationException($"The power is gone, before: {what}.");
        }
    }
}
