using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Streams;

/// <summary>
/// The control plane of one stream: which files it has. The key is the stream id. A byte of a file never passes through here: gateways
/// read the blobs themselves.
/// </summary>
[Alias("fleet.firmware-stream-grain")]
public interface IFirmwareStreamGrain : IGrainWithStringKey
{
    /// <summary>Opens the stream with its files; version 1, for good (spec 3.7). A repeat changes nothing.</summary>
    Task Open(StreamDescription description);

    /// <summary>
    /// Forgets a stream whose firmware was never published: it was opened for a publication that came to nothing. A repeat changes nothing.
    /// </summary>
    Task Discard();

    /// <summary>What a gateway needs to serve the stream, for the length of its lease; null if there is no such stream.</summary>
    Task<StreamLease?> Lease(string gatewayId);
}

[GenerateSerializer, Immutable, Alias("fleet.stream-description")]
public sealed record StreamDescription(
    [property: Id(0)] string Description,
    [property: Id(1)] ImmutableArray<StreamFile> Files);

/// <param name="FileId">0 to 255.</param>
/// <param name="Sha256">The blob's name: 64 lower-case hex digits.</param>
[GenerateSerializer, Immutable, Alias("fleet.stream-file")]
public sealed record StreamFile(
    [property: Id(0)] int FileId,
    [property: Id(1)] long SizeBytes,
    [property: Id(2)] string Sha256);

/// <param name="Version">The stream's version, 0 to 65,535.</param>
/// <param name="Until">After this instant the gateway asks again.</param>
[GenerateSerializer, Immutable, Alias("fleet.stream-lease")]
public sealed record StreamLease(
    [property: Id(0)] int Version,
    [property: Id(1)] StreamDescription Description,
    [property: Id(2)] DateTimeOffset Until);
