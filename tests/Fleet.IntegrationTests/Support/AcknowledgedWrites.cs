using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests.Support;

/// <summary>Writers of each kind that never rest, and what they were told is stored: a retained message, a shadow, claim certificates.</summary>
internal sealed class AcknowledgedWrites
{
    private const string Thing = "witness-1";
    private const string RetainedTopic = $"fleet/{Thing}/count";

    private readonly X509Certificate2 _certificate;
    private readonly List<string> _claims = [];
    private int _claimsSeen;
    private long _number, _retained, _shadow;
    private volatile bool _killIsComing;

    private AcknowledgedWrites(X509Certificate2 certificate) => _certificate = certificate;

    public static async Task<AcknowledgedWrites> Start(FleetService fleet) =>
        new(await WireDevice.Enrol(fleet, await fleet.NewClaimFile(), Thing, "witness"));

    /// <summary>From here on a writer may fail.</summary>
    public void KillIsComing() => _killIsComing = true;

    /// <summary>Returns when the service is gone; fails if a write failed before <see cref="KillIsComing"/>.</summary>
    public Task WriteUntilKilled(FleetService fleet)
    {
        _killIsComing = false;
        return Task.WhenAll(UntilKilled(() => WriteByMqtt(fleet)), UntilKilled(() => WriteByApi(fleet)));
    }

    public async Task AllAreThere(FleetService fleet, string when)
    {
        await using var device = await WireDevice.Connect(fleet.ClientWith(_certificate, Thing));
        await device.Client.SubscribeAsync(RetainedTopic, Qos.AtLeastOnce);
        if (_retained > 0)
        {
            var message = await device.Next(topic => topic == RetainedTopic);
            Found("retained message", _retained, long.Parse(Encoding.UTF8.GetString(message.Payload.Span)), when);
        }
        if (_shadow > 0)
        {
            var shadow = await device.Ask($"$aws/things/{Thing}/shadow/get", new JsonObject());
            Found("shadow", _shadow, (long)shadow["state"]!["reported"]!["count"]!, when);
        }
        // Those that were there after a kill are looked at again when all is over.
        for (; _claimsSeen < _claims.Count; _claimsSeen++) await fleet.Get($"claims/{_claims[_claimsSeen]}");
    }

    public async Task ClaimsAreStillThere(FleetService fleet)
    {
        foreach (string claim in _claims) await fleet.Get($"claims/{claim}");
    }

    public override string ToString() => $"acknowledged: retained message {_retained}, shadow {_shadow}, {_claims.Count} claims";

    private async Task UntilKilled(Func<Task> write)
    {
        try
        {
            await write();
        }
        catch (Exception) when (_killIsComing)
        {
            // The service was killed under it: what was not acknowledged may be there or not.
        }
    }

    private async Task WriteByMqtt(FleetService fleet)
    {
        await using var device = await WireDevice.Connect(fleet.ClientWith(_certificate, Thing));
        while (true)
        {
            long number = ++_number;
            Assert.Equal(ReasonCode.Success, await device.Client.PublishAsync(RetainedTopic, Encoding.UTF8.GetBytes($"{number}"), Qos.AtLeastOnce, retain: true));
            _retained = number;
            await device.Ask($"$aws/things/{Thing}/shadow/update", new JsonObject { ["state"] = new JsonObject { ["reported"] = new JsonObject { ["count"] = number } } });
            _shadow = number;
        }
    }

    private async Task WriteByApi(FleetService fleet)
    {
        while (!_killIsComing)
        {
            var claim = await fleet.Api(HttpMethod.Post, "claims", new JsonObject { ["label"] = "witness" });
            _claims.Add((string)claim["certificateId"]!);
        }
    }

    private static void Found(string what, long acknowledged, long found, string when) =>
        Assert.True(found >= acknowledged, $"The {what} {acknowledged} was acknowledged, and {found} is there {when}.");
}
