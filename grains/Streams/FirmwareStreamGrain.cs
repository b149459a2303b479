using Fleet.Grains.Records;
using Fleet.Interfaces.Streams;

namespace Fleet.Grains.Streams;

internal sealed class FirmwareStreamGrain(
    [PersistentState("stream")] IPersistentState<FirmwareStreamState> record, TimeProvider clock) : Grain, IFirmwareStreamGrain
{
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        this.LeaveIfUnknown(record);
        return Task.CompletedTask;
    }

    public Task<StreamLease?> Lease(string gatewayId) => Task.FromResult(FirmwareStreamCore.Lease(record.State, clock.GetUtcNow()));

    public async Task Open(StreamDescription description)
    {
        var next = FirmwareStreamCore.Open(record.State, description);
        if (next == record.State) return;
        await this.Save(record, next);
    }

    public Task Discard() => record.State.Description is null ? Task.CompletedTask : this.Clear(record);
}
