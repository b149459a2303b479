using Fleet.DeviceSim.Agent.Boot;

namespace Fleet.UnitTests.DeviceSim;

public sealed class BootCoreTests
{
    private static readonly DeviceState OnTrial = DeviceState.FromFactory("1.0.0").With(Slot.B, new SlotContent("1.1.0", "x")) with
    {
        Trial = new BootTrial(Slot.B, 0), Floor = "1.0.0",
    };

    [Fact]
    public void Without_a_trial_the_active_slot_boots() =>
        Assert.Equal((DeviceState.FromFactory("1.0.0"), Slot.A), BootCore.Boot(DeviceState.FromFactory("1.0.0"), trialIsBootable: true));

    [Fact]
    public void A_trial_ends_after_three_boots_without_confirmation()
    {
        var (state, slots) = (OnTrial, new List<Slot>());
        for (int boot = 0; boot < 5; boot++)
        {
            (state, var running) = BootCore.Boot(state, trialIsBootable: true);
            slots.Add(running);
        }
        Assert.Equal([Slot.B, Slot.B, Slot.B, Slot.A, Slot.A], slots);
        Assert.Null(state.Trial);
        Assert.Equal("1.0.0", state.Floor);
    }

    [Fact]
    public void A_slot_that_cannot_be_booted_ends_its_trial_at_once()
    {
        var (state, running) = BootCore.Boot(OnTrial, trialIsBootable: false);
        Assert.Equal((Slot.A, null), (running, state.Trial));
    }

    [Theory, InlineData("1.1.0", "1.1.0"), InlineData("0.9.0", "1.0.0"), InlineData(null, "1.0.0"), InlineData("1.0.0-rc.1", "1.0.0")]
    public void Confirmation_moves_the_pointer_and_only_ever_raises_the_floor(string? asked, string floor)
    {
        var confirmed = BootCore.Confirm(BootCore.Boot(OnTrial, true).State, asked);
        Assert.Equal((Slot.B, null, floor), (confirmed.Active, confirmed.Trial, confirmed.Floor));
    }
}
