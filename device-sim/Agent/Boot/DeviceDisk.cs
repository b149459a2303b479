using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.DeviceSim.Agent.Fetch;
using Fleet.DeviceSim.Images;

namespace Fleet.DeviceSim.Agent.Boot;

/// <summary>
/// A device's disk, one folder: <c>state.json</c>, <c>slot-a/image</c>, <c>slot-b/image</c>, and while an update is fetched,
/// <c>image.part</c> and <c>image.map</c> in the inactive slot. The identity lies beside them (<see cref="Identity.IdentityStore"/>).
/// </summary>
/// <param name="beforeChange">Called with a name before each lasting change; what it throws is a power cut at that point.</param>
internal sealed class DeviceDisk(string folder, Action<string>? beforeChange = null)
{
    public string Folder { get; } = folder;

    private string StatePath => Path.Combine(Folder, "state.json");

    public string ImagePath(Slot slot) => Path.Combine(Folder, $"slot-{slot.Letter()}", "image");

    private string PartPath(Slot slot) => ImagePath(slot) + ".part";

    private string MapPath(Slot slot) => ImagePath(slot) + ".map";

    /// <summary>The state as it was last saved; on the first start, the factory's image in slot a.</summary>
    /// <exception cref="InvalidDataException">state.json is not ours.</exception>
    public DeviceState Load(string factoryVersion)
    {
        if (File.Exists(StatePath))
        {
            try
            {
                return JsonSerializer.Deserialize(File.ReadAllBytes(StatePath), DeviceStateJson.Default.DeviceState)
                    ?? throw new InvalidDataException($"{StatePath} is empty.");
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{StatePath} is not a device's state: {e.Message}", e);
            }
        }
        Directory.CreateDirectory(Path.GetDirectoryName(ImagePath(Slot.A))!);
        Directory.CreateDirectory(Path.GetDirectoryName(ImagePath(Slot.B))!);
        Change("write the factory image");
        DurableFiles.Replace(ImagePath(Slot.A), new SimulatedImage(factoryVersion, SimulatedImage.Healthy).Header());
        var state = DeviceState.FromFactory(factoryVersion);
        Save(state);
        return state;
    }

    public void Save(DeviceState state)
    {
        Change("save the state");
        DurableFiles.Replace(StatePath, JsonSerializer.SerializeToUtf8Bytes(state, DeviceStateJson.Default.DeviceState));
    }

    /// <summary>What boots from a slot: the image's own word, or the manifest's where it has none.</summary>
    public RunningImage Run(Slot slot, SlotContent content) =>
        SimulatedImage.ReadHeader(ImagePath(slot)) is { } header
            ? new RunningImage(slot, header.Version, header.Health)
            : new RunningImage(slot, content.Version, SimulatedImage.Healthy);

    /// <summary>The image that is being fetched into a slot: what an earlier attempt left, if it is of the same file.</summary>
    public PartialImage OpenPartial(Slot slot, string sha256, long sizeBytes, int blockBytes)
    {
        Change("open the download");
        return PartialImage.Open(PartPath(slot), MapPath(slot), sha256, sizeBytes, blockBytes);
    }

    public bool HasPartial(Slot slot) => File.Exists(PartPath(slot));

    public void DiscardPartial(Slot slot)
    {
        Change("discard the download");
        File.Delete(MapPath(slot));
        File.Delete(PartPath(slot));
    }

    /// <summary>
    /// Makes the fetched image the slot's image. The bytes are read back and hashed once more, so that what boots is what was verified.
    /// A repeat after a power cut finds the image in place.
    /// </summary>
    /// <returns>False if the slot does not hold that image.</returns>
    public async Task<bool> InstallAsync(Slot slot, string sha256, CancellationToken cancellation)
    {
        bool fetched = HasPartial(slot);
        var source = fetched ? PartPath(slot) : ImagePath(slot);
        if (!File.Exists(source) || await Sha256Async(source, cancellation) != sha256) return false;
        if (!fetched) return true;
        Change("sync the image");
        using (var file = File.OpenHandle(source, FileMode.Open, FileAccess.ReadWrite)) RandomAccess.FlushToDisk(file);
        Change("move the image into its slot");
        File.Move(source, ImagePath(slot), overwrite: true);
        File.Delete(MapPath(slot));
        DurableFiles.SyncFolder(Path.GetDirectoryName(ImagePath(slot))!);
        return true;
    }

    /// <summary>Whether a slot still holds what was written into it. The factory's image has no digest to hold it to.</summary>
    public bool IsIntact(Slot slot, SlotContent? content)
    {
        if (content is null || !File.Exists(ImagePath(slot))) return false;
        if (content.Sha256 is null) return true;
        using var image = File.OpenRead(ImagePath(slot));
        return Convert.ToHexStringLower(SHA256.HashData(image)) == content.Sha256;
    }

    /// <summary>64 lower-case hex digits. Reads piece by piece: an image may be larger than memory.</summary>
    public static async Task<string> Sha256Async(string path, CancellationToken cancellation)
    {
        await using var file = new FileStream(
            path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellation));
    }

    private void Change(string what) => beforeChange?.Invoke(what);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DeviceState))]
internal sealed partial class DeviceStateJson : JsonSerializerContext;
