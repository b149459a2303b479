using Fleet.IntegrationTests.Support;
using Fleet.Interfaces.Certificates;

namespace Fleet.IntegrationTests;

/// <summary>A call may meet a deactivation, a timer ends with its activation, and a gateway's grain may not have heard its gateway yet.</summary>
public sealed class OrleansSemanticsCertificateTests
{
    [Fact]
    public async Task Many_may_ask_at_once_for_a_certificate_that_was_collected()
    {
        await using var cluster = await OrleansCluster.Start();
        var certificate = await cluster.DeviceCertificate('a');
        for (int round = 0; round < 5; round++)
        {
            var views = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => certificate.Get()));
            Assert.All(views, view => Assert.Equal(CertificateStatus.Active, view!.Status));
            await cluster.Deactivate(certificate);
        }
    }

    [Fact]
    public async Task A_revocation_finds_a_gateway_that_lives_and_was_not_heard_where_its_grain_is_now()
    {
        await using var cluster = await OrleansCluster.Start();
        var certificate = await cluster.DeviceCertificate('a');
        var gateway = await new ObservedGateway(cluster, "gw-1").Join();
        // As after the death of the silo that had it: the table says that the gateway lives, and its grain does not know where it is reached.
        await cluster.Deactivate(gateway.Grain);
        Assert.True(await certificate.Revoke());
        Assert.Empty(gateway.Revoked);
        await gateway.Beat();
        await Eventually.True(() => Task.FromResult(!gateway.Revoked.IsEmpty), () => "the gateway was not told");
    }

    [Fact]
    public async Task A_revocation_that_a_gateway_did_not_take_is_said_again_though_the_activation_is_lost()
    {
        await using var cluster = await OrleansCluster.Start();
        var certificate = await cluster.DeviceCertificate('a');
        var gateway = await new ObservedGateway(cluster, "gw-1").Join();
        gateway.Before = () => throw new InvalidOperationException("It is cut off.");
        Assert.True(await certificate.Revoke());
        var reminder = Assert.Single((await cluster.Reminders.ReadRows(certificate.GetGrainId())).Reminders);
        await cluster.Deactivate(certificate);
        gateway.Before = () => Task.CompletedTask;
        await gateway.Beat();
        // Orleans calls it within the minute.
        await certificate.AsReference<IRemindable>().ReceiveReminder(reminder.ReminderName, default);
        Assert.Single(gateway.Revoked);
        Assert.Empty((await cluster.Reminders.ReadRows(certificate.GetGrainId())).Reminders);
    }

    [Fact]
    public async Task A_revocation_stands_though_the_silo_that_knows_the_gateways_does_not_answer()
    {
        await using var cluster = await OrleansCluster.Start();
        var certificate = await cluster.DeviceCertificate('a');
        var gateway = await new ObservedGateway(cluster, "gw-1").Join();
        bool away = true;
        cluster.Before = call => away && call.InterfaceMethod.Name == "GetView" ? throw new SiloUnavailableException("It died.") : Task.CompletedTask;
        Assert.True(await certificate.Revoke());
        away = false;
        await Eventually.True(() => Task.FromResult(!gateway.Revoked.IsEmpty), () => "the gateway was not told");
    }
}
