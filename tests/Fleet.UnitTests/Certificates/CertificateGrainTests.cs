using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Orleans.Runtime;

namespace Fleet.UnitTests.Certificates;

/// <summary>The grain of a good certificate leaves the memory half a second after it was first asked, and is there again when it is asked.</summary>
public sealed class CertificateGrainTests : IAsyncLifetime
{
    private FleetUnderTest _fleet = null!;
    private CertificateId _id;

    public async ValueTask InitializeAsync()
    {
        _fleet = await FleetUnderTest.Start();
        _id = await _fleet.NewClaim();
    }

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task It_leaves_half_a_second_after_the_first_answer()
    {
        await Ask();
        _fleet.Time.Advance(TimeSpan.FromMilliseconds(400));
        await Ask();
        _fleet.Time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.True(await IsInMemory());
        _fleet.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.False(await IsInMemory());
    }

    [Fact]
    public async Task Calls_that_meet_it_as_it_leaves_are_answered()
    {
        await Ask();
        for (int i = 0; i < 10; i++)
        {
            var before = Enumerable.Range(0, 5).Select(_ => Ask()).ToArray();
            _fleet.Time.Advance(TimeSpan.FromMilliseconds(500));
            var after = Enumerable.Range(0, 5).Select(_ => Ask()).ToArray();
            await Task.WhenAll([.. before, .. after]);
        }
    }

    [Fact]
    public async Task One_that_is_not_good_stays_until_it_is_collected()
    {
        await _fleet.Certificate(_id).Revoke();
        Assert.Equal(CertificateStatus.Revoked, (await _fleet.Certificate(_id).Get())!.Status);
        _fleet.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await IsInMemory());
    }

    private async Task Ask() => Assert.Equal(CertificateStatus.Active, (await _fleet.Certificate(_id).Get())!.Status);

    /// <summary>Whether it answers without the store.</summary>
    private async Task<bool> IsInMemory()
    {
        _fleet.Storage.NextFailure = new IOException("disk");
        try
        {
            await _fleet.Certificate(_id).Get();
            return true;
        }
        catch (OrleansException)
        {
            return false;
        }
        finally
        {
            _fleet.Storage.NextFailure = null;
        }
    }
}
