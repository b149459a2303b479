using System.Text.Json;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

internal static class RolloutRequests
{
    /// <summary>Equal by content: records compare their arrays by reference, so their JSON is compared.</summary>
    public static bool Same(RolloutRequest a, RolloutRequest b) => Text(a) == Text(b);

    private static string Text(RolloutRequest request) => JsonSerializer.Serialize(request, RolloutsJson.Default.RolloutRequest);
}
