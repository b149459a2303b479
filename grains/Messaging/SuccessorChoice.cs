using Fleet.Interfaces.Messaging;

namespace Fleet.Grains.Messaging;

/// <summary>Chooses the gateway that takes over from a dead one, unless the store knows another.</summary>
internal static class SuccessorChoice
{
    /// <summary>The same one for as long as it lives, and not the same for all the dead; null if no gateway lives.</summary>
    public static string? Of(ImmutableArray<GatewayMember> living, string dead) =>
        living.Select(gateway => gateway.Id).MaxBy(id => Hash(id, dead));

    /// <summary>FNV-1a over both: the gateway with the highest has it.</summary>
    private static uint Hash(string living, string dead)
    {
        uint hash = 2_166_136_261;
        foreach (char c in living) hash = (hash ^ c) * 16_777_619;
        foreach (char c in dead) hash = (hash ^ c) * 16_777_619;
        return hash;
    }
}
