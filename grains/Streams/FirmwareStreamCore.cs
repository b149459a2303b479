using Fleet.Interfaces.Streams;

namespace Fleet.Grains.Streams;

/// <summary>
/// One version, one list of files, for good: clients that ask for JSON blocks send version 1 whatever happens (spec 3.7).
/// </summary>
internal static class FirmwareStreamCore
{
    private const int Version = 1;

    /// <summary>How long a gateway serves a stream before it asks again; so also how long a closed stream may still be served.</summary>
    public static readonly TimeSpan LeaseLength = TimeSpan.FromMinutes(5);

    /// <exception cref="InvalidOperationException">The stream is open with other files: a new file needs a new stream.</exception>
    public static FirmwareStreamState Open(FirmwareStreamState state, StreamDescription description)
    {
        if (state.Description is not { } open) return new FirmwareStreamState { Description = description };
        return open.Files.SequenceEqual(description.Files)
            ? state
            : throw new InvalidOperationException(
                $"The stream is open already, with other files than those of '{description.Description}'.");
    }

    public static StreamLease? Lease(FirmwareStreamState state, DateTimeOffset now) =>
        state.Description is { } description ? new StreamLease(Version, description, now + LeaseLength) : null;
}
