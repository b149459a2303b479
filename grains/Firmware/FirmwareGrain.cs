using System.Security.Cryptography;
using Fleet.Grains.Records;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Streams;

namespace Fleet.Grains.Firmware;

internal sealed class FirmwareGrain(
    [PersistentState("firmware")] IPersistentState<FirmwareState> record, IFirmwareSigner signer, TimeProvider clock)
    : Grain, IFirmwareGrain
{
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        this.LeaveIfUnknown(record);
        return Task.CompletedTask;
    }

    public Task<FirmwareView?> Get() => Task.FromResult(record.State.Firmware);

    public async Task<UploadFirmwareResult> Upload(FirmwareUpload upload)
    {
        if (FirmwareCore.Repeat(record.State, upload, clock.GetUtcNow()) is var (answer, renewed))
        {
            if (renewed != record.State) await Save(renewed);
            return answer;
        }
        if (!FirmwareKeys.TryParse(this.GetPrimaryKeyString(), out var model, out var version))
            throw new InvalidOperationException($"'{this.GetPrimaryKeyString()}' is not a firmware key.");

        var manifest = FirmwareManifest.BytesFor(model, version, upload);
        await Save(FirmwareCore.Store(
            model, version, upload, signer.SignHash(Convert.FromHexString(upload.Sha256)), manifest,
            signer.SignHash(SHA256.HashData(manifest)), clock.GetUtcNow()));
        return new UploadFirmwareResult.Stored(record.State.Firmware!, Created: true);
    }

    public async Task<PublishFirmwareResult> Publish()
    {
        if (record.State.Firmware is not { } firmware) return new PublishFirmwareResult.NotFound();
        var next = FirmwareCore.Publish(record.State, clock.GetUtcNow());
        if (next == record.State) return new PublishFirmwareResult.Published(firmware);
        // The stream first: firmware that says it is published can be downloaded. A crash in between is mended by the repeat.
        await GrainFactory.GetGrain<IFirmwareStreamGrain>(firmware.Stream.Value).Open(FirmwareCore.Describe(firmware));
        await Save(next);
        return new PublishFirmwareResult.Published(record.State.Firmware!);
    }

    public async Task<FirmwareView?> KeepUnlessAbandoned(DateTimeOffset uploadedBefore)
    {
        if (FirmwareCore.IsAbandoned(record.State, uploadedBefore))
        {
            // The stream first: one that a broken-off publication left open would keep other bytes from being published as this version.
            await GrainFactory.GetGrain<IFirmwareStreamGrain>(record.State.Firmware!.Stream.Value).Discard();
            await this.Clear(record);
        }
        return record.State.Firmware;
    }

    private Task Save(FirmwareState next) => this.Save(record, next);
}
