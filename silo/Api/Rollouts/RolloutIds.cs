using System.Security.Cryptography;
using System.Text;
using Fleet.Interfaces.Naming;

namespace Fleet.Silo.Api.Rollouts;

/// <summary>Ids of new rollouts.</summary>
internal static class RolloutIds
{
    public const string Header = "Idempotency-Key";
    public const int MaxKeyCharacters = 255;

    /// <summary>The same key is the same rollout, so that a request that is sent again finds the one it made.</summary>
    public static RolloutId OfKey(string key) =>
        Parse(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"fleet.rollout/{key}")).AsSpan(0, 16)));

    /// <summary>Begins with the time, so that a list by id is a list by age.</summary>
    public static RolloutId New(DateTimeOffset now) => Parse(Guid.CreateVersion7(now).ToString("N"));

    private static RolloutId Parse(string digits) =>
        RolloutId.TryParse($"r-{digits}", out var id) ? id : throw new System.Diagnostics.UnreachableException();
}
