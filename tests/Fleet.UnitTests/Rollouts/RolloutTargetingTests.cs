using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Rollouts;

public sealed class RolloutTargetingTests
{
    private static readonly ThingName[] Things = [.. Enumerable.Range(0, 200).Select(Given.Thing)];

    [Fact]
    public void The_order_does_not_depend_on_how_the_target_was_listed() =>
        Assert.Equal<ThingName>(RolloutTargeting.InOrder(Given.Rollout, Things), RolloutTargeting.InOrder(Given.Rollout, Things.Reverse()));

    [Fact]
    public void Each_rollout_has_an_order_of_its_own()
    {
        var other = RolloutTargeting.InOrder(Given.Name<RolloutId>("r-2"), Things);
        Assert.NotEqual<ThingName>(RolloutTargeting.InOrder(Given.Rollout, Things), other);
        Assert.NotEqual<ThingName>(Things, other);
    }

    [Fact]
    public void The_order_is_the_same_for_ever() => Assert.Equal(
        ["thing-133", "thing-001", "thing-195", "thing-148"], RolloutTargeting.InOrder(Given.Rollout, Things).Take(4).Select(t => t.Value));
}
